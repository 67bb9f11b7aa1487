"""A vz host: libvirt's RPC on the outside, the contract of its vz driver inside.

It answers stock clients as the driver in libvirt's ``src/vz`` does (9.0 to 11.3), row
by row of :mod:`facts`. It is that driver's contract, not Virtuozzo: guests are records
whose life is counted, their memory is a digest, a migration takes memory / rate
seconds, and no code of a guest runs. Hosts find each other through the directory that
they share.
"""
