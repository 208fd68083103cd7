"""Which function carries out which operation; what is not here is answered as not simulated. Knows no rule itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sendworthy.simulator import (
    ses_account,
    ses_bulk,
    ses_configuration,
    ses_contacts,
    ses_destinations,
    ses_dkim,
    ses_identities,
    ses_insights,
    ses_jobs,
    ses_policies,
    ses_suppression,
    ses_tags,
    ses_templates,
    v1_operations,
)
from sendworthy.simulator.neighbours import NEIGHBOURS
from sendworthy.simulator.ses_sending import send_email
from sendworthy.simulator.state import Moment

Rule = Callable[[Moment, dict[str, Any]], Any]
"""Gives the result of the operation; those that send one message give a Sent instead."""

SESV2: Mapping[str, Rule] = {
    "SendEmail": send_email,
    "GetAccount": ses_account.get_account,
    "PutAccountDetails": ses_account.put_account_details,
    "PutAccountSuppressionAttributes": ses_account.put_account_suppression_attributes,
    "PutAccountSendingAttributes": ses_account.put_account_sending_attributes,
    "CreateEmailIdentity": ses_identities.create_email_identity,
    "GetEmailIdentity": ses_identities.get_email_identity,
    "DeleteEmailIdentity": ses_identities.delete_email_identity,
    "ListEmailIdentities": ses_identities.list_email_identities,
    "PutEmailIdentityMailFromAttributes": ses_identities.put_email_identity_mail_from_attributes,
    "PutEmailIdentityFeedbackAttributes": ses_identities.put_email_identity_feedback_attributes,
    "PutEmailIdentityConfigurationSetAttributes": ses_identities.put_email_identity_configuration_set_attributes,
    "PutEmailIdentityDkimAttributes": ses_dkim.put_email_identity_dkim_attributes,
    "PutEmailIdentityDkimSigningAttributes": ses_dkim.put_email_identity_dkim_signing_attributes,
    "CreateConfigurationSet": ses_configuration.create_configuration_set,
    "GetConfigurationSet": ses_configuration.get_configuration_set,
    "ListConfigurationSets": ses_configuration.list_configuration_sets,
    "DeleteConfigurationSet": ses_configuration.delete_configuration_set,
    "PutConfigurationSetSendingOptions": ses_configuration.put_configuration_set_sending_options,
    "PutConfigurationSetReputationOptions": ses_configuration.put_configuration_set_reputation_options,
    "PutConfigurationSetSuppressionOptions": ses_configuration.put_configuration_set_suppression_options,
    "CreateConfigurationSetEventDestination": ses_destinations.create_configuration_set_event_destination,
    "GetConfigurationSetEventDestinations": ses_destinations.get_configuration_set_event_destinations,
    "UpdateConfigurationSetEventDestination": ses_destinations.update_configuration_set_event_destination,
    "DeleteConfigurationSetEventDestination": ses_destinations.delete_configuration_set_event_destination,
    "PutAccountVdmAttributes": ses_account.put_account_vdm_attributes,
    "PutAccountDedicatedIpWarmupAttributes": ses_account.put_account_dedicated_ip_warmup_attributes,
    "CreateEmailIdentityPolicy": ses_policies.create_email_identity_policy,
    "GetEmailIdentityPolicies": ses_policies.get_email_identity_policies,
    "UpdateEmailIdentityPolicy": ses_policies.update_email_identity_policy,
    "DeleteEmailIdentityPolicy": ses_policies.delete_email_identity_policy,
    "UpdateConfigurationSet": ses_configuration.update_configuration_set,
    "PutConfigurationSetDeliveryOptions": ses_configuration.put_configuration_set_delivery_options,
    "PutConfigurationSetTrackingOptions": ses_configuration.put_configuration_set_tracking_options,
    "PutConfigurationSetVdmOptions": ses_configuration.put_configuration_set_vdm_options,
    "PutConfigurationSetArchivingOptions": ses_configuration.put_configuration_set_archiving_options,
    "SendBulkEmail": ses_bulk.send_bulk_email,
    "CreateEmailTemplate": ses_templates.create_email_template,
    "GetEmailTemplate": ses_templates.get_email_template,
    "UpdateEmailTemplate": ses_templates.update_email_template,
    "DeleteEmailTemplate": ses_templates.delete_email_template,
    "ListEmailTemplates": ses_templates.list_email_templates,
    "TestRenderEmailTemplate": ses_templates.test_render_email_template,
    "PutSuppressedDestination": ses_suppression.put_suppressed_destination,
    "GetSuppressedDestination": ses_suppression.get_suppressed_destination,
    "DeleteSuppressedDestination": ses_suppression.delete_suppressed_destination,
    "ListSuppressedDestinations": ses_suppression.list_suppressed_destinations,
    "CreateImportJob": ses_jobs.create_import_job,
    "GetImportJob": ses_jobs.get_import_job,
    "ListImportJobs": ses_jobs.list_import_jobs,
    "CreateExportJob": ses_insights.create_export_job,
    "GetExportJob": ses_insights.get_export_job,
    "ListExportJobs": ses_insights.list_export_jobs,
    "CancelExportJob": ses_insights.cancel_export_job,
    "GetMessageInsights": ses_insights.get_message_insights,
    "CreateContactList": ses_contacts.create_contact_list,
    "GetContactList": ses_contacts.get_contact_list,
    "ListContactLists": ses_contacts.list_contact_lists,
    "UpdateContactList": ses_contacts.update_contact_list,
    "DeleteContactList": ses_contacts.delete_contact_list,
    "CreateContact": ses_contacts.create_contact,
    "GetContact": ses_contacts.get_contact,
    "ListContacts": ses_contacts.list_contacts,
    "UpdateContact": ses_contacts.update_contact,
    "DeleteContact": ses_contacts.delete_contact,
    "TagResource": ses_tags.tag_resource,
    "UntagResource": ses_tags.untag_resource,
    "ListTagsForResource": ses_tags.list_tags_for_resource,
}

SES: Mapping[str, Rule] = v1_operations.rules_upon(SESV2)

RULES: Mapping[str, Mapping[str, Rule]] = {"sesv2": SESV2, "ses": SES, **NEIGHBOURS}

LOOKS_AT_DNS = frozenset({"GetEmailIdentity", "ListEmailIdentities"}) | v1_operations.LOOKS_AT_DNS
"""Operations of SES, v2 and v1, before which the identities that are due are looked up anew."""
