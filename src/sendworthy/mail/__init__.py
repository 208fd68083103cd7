"""The nouns and rules of mail: addresses, messages, events, the delivery status ladder, bounce classes, MIME."""
