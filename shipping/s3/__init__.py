"""The client of S3: small objects by compare-and-swap, large ones in parallel parts. The only importer of boto3.

`session` opens a bucket, `bucket` reads and writes small objects, `upload` and `download` move large ones, `answers` says what
an answer of the service means and `patience` how often to ask again.
"""

from shipping.s3.bucket import Bucket
from shipping.s3.session import connect

__all__ = ["Bucket", "connect"]
