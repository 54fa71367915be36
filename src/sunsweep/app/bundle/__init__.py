"""The builder of the app that runs in a browser: Flutter's files, Python for the browser, and our code."""
