# Copy this beside the other .tf files to keep the state in S3; README.md says how to make the bucket.
#   terraform init -backend-config=bucket=BUCKET -backend-config=region=REGION
terraform {
  backend "s3" {
    key          = "tidecast/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
