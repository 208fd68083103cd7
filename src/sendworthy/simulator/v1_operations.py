"""Which function carries out which operation of SES v1, upon the rules of v2. Knows no rule itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sendworthy.simulator import v1_configuration, v1_identities, v1_sending, v1_templates
from sendworthy.simulator.state import Moment
from sendworthy.simulator.v1_words import V2, Rule

_RULES: Mapping[str, Callable[[V2, Moment, dict[str, Any]], Any]] = {
    "VerifyDomainIdentity": v1_identities.verify_domain_identity,
    "VerifyDomainDkim": v1_identities.verify_domain_dkim,
    "VerifyEmailIdentity": v1_identities.verify_email_identity,
    "VerifyEmailAddress": v1_identities.verify_email_identity,
    "DeleteIdentity": v1_identities.delete_identity,
    "DeleteVerifiedEmailAddress": v1_identities.delete_identity,
    "ListIdentities": v1_identities.list_identities,
    "ListVerifiedEmailAddresses": v1_identities.list_verified_email_addresses,
    "GetIdentityVerificationAttributes": v1_identities.get_identity_verification_attributes,
    "GetIdentityDkimAttributes": v1_identities.get_identity_dkim_attributes,
    "SetIdentityDkimEnabled": v1_identities.set_identity_dkim_enabled,
    "SetIdentityMailFromDomain": v1_identities.set_identity_mail_from_domain,
    "GetIdentityMailFromDomainAttributes": v1_identities.get_identity_mail_from_domain_attributes,
    "SetIdentityFeedbackForwardingEnabled": v1_identities.set_identity_feedback_forwarding_enabled,
    "SetIdentityNotificationTopic": v1_identities.set_identity_notification_topic,
    "SetIdentityHeadersInNotificationsEnabled": v1_identities.set_identity_headers_in_notifications_enabled,
    "GetIdentityNotificationAttributes": v1_identities.get_identity_notification_attributes,
    "PutIdentityPolicy": v1_identities.put_identity_policy,
    "DeleteIdentityPolicy": v1_identities.delete_identity_policy,
    "ListIdentityPolicies": v1_identities.list_identity_policies,
    "GetIdentityPolicies": v1_identities.get_identity_policies,
    "CreateConfigurationSet": v1_configuration.create_configuration_set,
    "DeleteConfigurationSet": v1_configuration.delete_configuration_set,
    "ListConfigurationSets": v1_configuration.list_configuration_sets,
    "DescribeConfigurationSet": v1_configuration.describe_configuration_set,
    "CreateConfigurationSetEventDestination": v1_configuration.create_configuration_set_event_destination,
    "UpdateConfigurationSetEventDestination": v1_configuration.update_configuration_set_event_destination,
    "DeleteConfigurationSetEventDestination": v1_configuration.delete_configuration_set_event_destination,
    "PutConfigurationSetDeliveryOptions": v1_configuration.put_configuration_set_delivery_options,
    "UpdateConfigurationSetSendingEnabled": v1_configuration.update_configuration_set_sending_enabled,
    "UpdateConfigurationSetReputationMetricsEnabled": (
        v1_configuration.update_configuration_set_reputation_metrics_enabled
    ),
    "CreateConfigurationSetTrackingOptions": v1_configuration.create_configuration_set_tracking_options,
    "UpdateConfigurationSetTrackingOptions": v1_configuration.update_configuration_set_tracking_options,
    "DeleteConfigurationSetTrackingOptions": v1_configuration.delete_configuration_set_tracking_options,
    "CreateTemplate": v1_templates.create_template,
    "UpdateTemplate": v1_templates.update_template,
    "DeleteTemplate": v1_templates.delete_template,
    "GetTemplate": v1_templates.get_template,
    "ListTemplates": v1_templates.list_templates,
    "TestRenderTemplate": v1_templates.test_render_template,
    "SendEmail": v1_sending.send_email,
    "SendRawEmail": v1_sending.send_raw_email,
    "SendTemplatedEmail": v1_sending.send_templated_email,
    "SendBulkTemplatedEmail": v1_sending.send_bulk_templated_email,
    "GetSendQuota": v1_sending.get_send_quota,
    "GetSendStatistics": v1_sending.get_send_statistics,
    "GetAccountSendingEnabled": v1_sending.get_account_sending_enabled,
    "UpdateAccountSendingEnabled": v1_sending.update_account_sending_enabled,
}

LOOKS_AT_DNS = frozenset(
    {
        "GetIdentityVerificationAttributes",
        "GetIdentityDkimAttributes",
        "GetIdentityMailFromDomainAttributes",
        "ListVerifiedEmailAddresses",
    }
)
"""Operations before which the identities that are due are looked up anew."""


def rules_upon(v2: V2) -> Mapping[str, Rule]:
    """Return every built operation of v1, carried out by the rules of v2 that are given."""
    return {name: partial(rule, v2) for name, rule in _RULES.items()}
