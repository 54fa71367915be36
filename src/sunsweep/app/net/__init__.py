"""The only place that talks to a server: the public REST and WebSocket API, from a browser or from a window."""
