"""The backend's MQTT client behind a small port, and the brokers it meets."""
