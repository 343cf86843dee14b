"""The pages of the app. Each is built when it is first visited and has `view` and `async refresh()`."""
