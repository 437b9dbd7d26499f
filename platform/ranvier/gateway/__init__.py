"""How it runs: settings, the one wiring page, command line, HTTP API, the built-in feed, web pages."""
