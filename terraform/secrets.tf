# The keys of exchanges that want one. Terraform makes the place and never knows what is in it: README.md
# says how to fill it.
resource "aws_secretsmanager_secret" "exchange_keys" {
  #checkov:skip=CKV2_AWS_57:The exchanges issue these keys; AWS cannot rotate them
  name                    = "${var.name}/exchange-keys"
  description             = "JSON object of TIDECAST_INGESTION__*_API_KEY settings"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}
