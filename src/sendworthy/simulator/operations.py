"""Which function carries out which operation; what is not here is answered as not simulated. Knows no rule itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sendworthy.simulator import ses_account, ses_configuration, ses_identities, sns, sqs, sts
from sendworthy.simulator.state import Moment

Rule = Callable[[Moment, dict[str, Any]], dict[str, Any]]

SESV2: Mapping[str, Rule] = {
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
    "PutEmailIdentityDkimAttributes": ses_identities.put_email_identity_dkim_attributes,
    "PutEmailIdentityDkimSigningAttributes": ses_identities.put_email_identity_dkim_signing_attributes,
    "CreateConfigurationSet": ses_configuration.create_configuration_set,
    "GetConfigurationSet": ses_configuration.get_configuration_set,
    "ListConfigurationSets": ses_configuration.list_configuration_sets,
    "DeleteConfigurationSet": ses_configuration.delete_configuration_set,
    "PutConfigurationSetSendingOptions": ses_configuration.put_configuration_set_sending_options,
    "PutConfigurationSetReputationOptions": ses_configuration.put_configuration_set_reputation_options,
    "PutConfigurationSetSuppressionOptions": ses_configuration.put_configuration_set_suppression_options,
    "CreateConfigurationSetEventDestination": ses_configuration.create_configuration_set_event_destination,
    "GetConfigurationSetEventDestinations": ses_configuration.get_configuration_set_event_destinations,
    "UpdateConfigurationSetEventDestination": ses_configuration.update_configuration_set_event_destination,
    "DeleteConfigurationSetEventDestination": ses_configuration.delete_configuration_set_event_destination,
}

SNS: Mapping[str, Rule] = {
    "CreateTopic": sns.create_topic,
    "GetTopicAttributes": sns.get_topic_attributes,
    "SetTopicAttributes": sns.set_topic_attributes,
    "ListTopics": sns.list_topics,
    "DeleteTopic": sns.delete_topic,
    "Subscribe": sns.subscribe,
    "GetSubscriptionAttributes": sns.get_subscription_attributes,
    "SetSubscriptionAttributes": sns.set_subscription_attributes,
    "ListSubscriptionsByTopic": sns.list_subscriptions_by_topic,
    "Unsubscribe": sns.unsubscribe,
    "Publish": sns.publish,
}

SQS: Mapping[str, Rule] = {
    "CreateQueue": sqs.create_queue,
    "GetQueueUrl": sqs.get_queue_url,
    "ListQueues": sqs.list_queues,
    "GetQueueAttributes": sqs.get_queue_attributes,
    "SetQueueAttributes": sqs.set_queue_attributes,
    "DeleteQueue": sqs.delete_queue,
    "PurgeQueue": sqs.purge_queue,
    "SendMessage": sqs.send_message,
    "SendMessageBatch": sqs.send_message_batch,
    "ReceiveMessage": sqs.receive_message,
    "DeleteMessage": sqs.delete_message,
    "DeleteMessageBatch": sqs.delete_message_batch,
    "ChangeMessageVisibility": sqs.change_message_visibility,
    "ChangeMessageVisibilityBatch": sqs.change_message_visibility_batch,
}

STS: Mapping[str, Rule] = {"GetCallerIdentity": sts.get_caller_identity}

RULES: Mapping[str, Mapping[str, Rule]] = {"sesv2": SESV2, "sns": SNS, "sqs": SQS, "sts": STS}

LOOKS_AT_DNS = frozenset({"GetEmailIdentity", "ListEmailIdentities"})
"""SES operations before which the identities that are due are looked up anew."""
