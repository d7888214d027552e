"""An imitation of AWS on loopback: moto, and the calls of our Terraform that moto lacks.

Everything here reaches into moto's internals, so requirements/terraform.in pins moto exactly.
What it cannot show: IAM trust and conditions, key policies, whether an add-on fits a version,
quotas, whether anything reaches anything.
"""
