"""Virtuozzo for virtmigrate, through libvirt. Found by its entry point `plugin`."""
