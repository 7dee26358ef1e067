"""The slug: an immutable deployable, a manifest that names content-addressed layers.

`tree` finds what a layer keeps, `archive` turns it into deterministic bytes and `unpack` back; `inputs` says what a layer is
made from, `layers` builds it or finds it built; `pack` compresses while the bytes are on their way, `publish` puts blobs
before the manifest into every bucket, `fetch` and `verify` read them back. `manifest` and `keys` are the words on the wire,
`points` the places where a crash is tested, `assembly` the whole way from a checkout to the published slug, and `clearances`
says which of them may run in production.
"""
