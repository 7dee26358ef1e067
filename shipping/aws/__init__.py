"""What we ask of AWS beside S3: `kms`, keys that sign and never leave it; `ec2`, which hosts have a tag."""
