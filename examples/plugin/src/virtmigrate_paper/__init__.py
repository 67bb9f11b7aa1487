"""Guests on paper: an example of a hypervisor plugin for virtmigrate."""
