"""What the libvirt hypervisor plugins of virtmigrate share. For plugins only.

No other package imports `libvirt`. A plugin takes from here: `host` (a host and its
guests), `drive` (the five phases and the loop's rules), `whole` (libvirt's own call),
`uri` (what may be opened), `xml` (domain documents), `codes` and `faults` (errors).
"""
