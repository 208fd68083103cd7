"""The operations of the services around SES, and which function carries out each. Knows no rule itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sendworthy.simulator import (
    cloudwatch,
    cloudwatch_alarms,
    eventbridge,
    firehose,
    service_quotas,
    sns,
    sns_subscriptions,
    sqs,
    sts,
    support,
)
from sendworthy.simulator.state import Moment

Rule = Callable[[Moment, dict[str, Any]], Any]

SNS: Mapping[str, Rule] = {
    "CreateTopic": sns.create_topic,
    "GetTopicAttributes": sns.get_topic_attributes,
    "SetTopicAttributes": sns.set_topic_attributes,
    "ListTopics": sns.list_topics,
    "DeleteTopic": sns.delete_topic,
    "Publish": sns.publish,
    "PublishBatch": sns.publish_batch,
    "Subscribe": sns_subscriptions.subscribe,
    "ConfirmSubscription": sns_subscriptions.confirm_subscription,
    "GetSubscriptionAttributes": sns_subscriptions.get_subscription_attributes,
    "SetSubscriptionAttributes": sns_subscriptions.set_subscription_attributes,
    "ListSubscriptions": sns_subscriptions.list_subscriptions,
    "ListSubscriptionsByTopic": sns_subscriptions.list_subscriptions_by_topic,
    "Unsubscribe": sns_subscriptions.unsubscribe,
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
    "ListDeadLetterSourceQueues": sqs.list_dead_letter_source_queues,
    "ListQueueTags": sqs.list_queue_tags,
    "TagQueue": sqs.tag_queue,
    "UntagQueue": sqs.untag_queue,
}

STS: Mapping[str, Rule] = {"GetCallerIdentity": sts.get_caller_identity}

CLOUDWATCH: Mapping[str, Rule] = {
    "PutMetricData": cloudwatch.put_metric_data,
    "ListMetrics": cloudwatch.list_metrics,
    "GetMetricStatistics": cloudwatch.get_metric_statistics,
    "GetMetricData": cloudwatch.get_metric_data,
    "PutMetricAlarm": cloudwatch_alarms.put_metric_alarm,
    "DescribeAlarms": cloudwatch_alarms.describe_alarms,
    "DescribeAlarmsForMetric": cloudwatch_alarms.describe_alarms_for_metric,
    "DeleteAlarms": cloudwatch_alarms.delete_alarms,
    "SetAlarmState": cloudwatch_alarms.set_alarm_state,
    "EnableAlarmActions": cloudwatch_alarms.enable_alarm_actions,
    "DisableAlarmActions": cloudwatch_alarms.disable_alarm_actions,
    "ListTagsForResource": cloudwatch_alarms.list_tags_for_resource,
    "TagResource": cloudwatch_alarms.tag_resource,
    "UntagResource": cloudwatch_alarms.untag_resource,
}

EVENTBRIDGE: Mapping[str, Rule] = {
    "PutRule": eventbridge.put_rule,
    "DescribeRule": eventbridge.describe_rule,
    "ListRules": eventbridge.list_rules,
    "ListRuleNamesByTarget": eventbridge.list_rule_names_by_target,
    "DeleteRule": eventbridge.delete_rule,
    "EnableRule": eventbridge.enable_rule,
    "DisableRule": eventbridge.disable_rule,
    "PutTargets": eventbridge.put_targets,
    "ListTargetsByRule": eventbridge.list_targets_by_rule,
    "RemoveTargets": eventbridge.remove_targets,
    "PutEvents": eventbridge.put_events,
    "TestEventPattern": eventbridge.try_event_pattern,
    "DescribeEventBus": eventbridge.describe_event_bus,
    "ListEventBuses": eventbridge.list_event_buses,
}

FIREHOSE: Mapping[str, Rule] = {
    "CreateDeliveryStream": firehose.create_delivery_stream,
    "DescribeDeliveryStream": firehose.describe_delivery_stream,
    "ListDeliveryStreams": firehose.list_delivery_streams,
    "DeleteDeliveryStream": firehose.delete_delivery_stream,
    "PutRecord": firehose.put_record,
    "PutRecordBatch": firehose.put_record_batch,
}

SERVICE_QUOTAS: Mapping[str, Rule] = {
    "ListServices": service_quotas.list_services,
    "ListServiceQuotas": service_quotas.list_service_quotas,
    "GetServiceQuota": service_quotas.get_service_quota,
    "ListAWSDefaultServiceQuotas": service_quotas.list_aws_default_service_quotas,
    "GetAWSDefaultServiceQuota": service_quotas.get_aws_default_service_quota,
    "RequestServiceQuotaIncrease": service_quotas.request_service_quota_increase,
    "GetRequestedServiceQuotaChange": service_quotas.get_requested_service_quota_change,
    "ListRequestedServiceQuotaChangeHistory": service_quotas.list_requested_service_quota_change_history,
    "ListRequestedServiceQuotaChangeHistoryByQuota": (
        service_quotas.list_requested_service_quota_change_history_by_quota
    ),
}

SUPPORT: Mapping[str, Rule] = {
    "CreateCase": support.create_case,
    "DescribeCases": support.describe_cases,
    "DescribeCommunications": support.describe_communications,
    "AddCommunicationToCase": support.add_communication_to_case,
    "ResolveCase": support.resolve_case,
    "DescribeServices": support.describe_services,
    "DescribeSeverityLevels": support.describe_severity_levels,
}

NEIGHBOURS: Mapping[str, Mapping[str, Rule]] = {
    "sns": SNS,
    "sqs": SQS,
    "sts": STS,
    "cloudwatch": CLOUDWATCH,
    "eventbridge": EVENTBRIDGE,
    "firehose": FIREHOSE,
    "service-quotas": SERVICE_QUOTAS,
    "support": SUPPORT,
}
"""Client name -> operation -> rule."""

SIGNED_AS: Mapping[str, str] = {
    "sns": "sns",
    "sqs": "sqs",
    "sts": "sts",
    "monitoring": "cloudwatch",
    "events": "events",
    "firehose": "firehose",
    "servicequotas": "service-quotas",
    "support": "support",
}
"""The service in a signature's scope -> the name of botocore's model."""
