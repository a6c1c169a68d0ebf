"""The gateway: pictures for annotators' browsers, and the doorbell for Label Studio's webhooks."""
