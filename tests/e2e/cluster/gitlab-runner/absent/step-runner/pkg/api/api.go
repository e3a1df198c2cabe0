package api

func DefaultSocketPath() string { return "/run/step-runner.sock" }
