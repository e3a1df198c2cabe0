package client

import "time"

type State string

const (
	StateSuccess   State = "success"
	StateCancelled State = "cancelled"
)

func (s State) String() string { return string(s) }

type ErrorKind string

const (
	ErrorInternal    ErrorKind = "internal"
	ErrorStepFailure ErrorKind = "step-failure"
	ErrorCancelled   ErrorKind = "cancelled"
	ErrorTimeout     ErrorKind = "timeout"
	ErrorUnknown     ErrorKind = "unknown"
)

type Status struct {
	State     State
	Message   string
	ErrorKind ErrorKind
}

type Variable struct {
	Key, Value   string
	File, Masked bool
}

type RunRequest struct {
	Id, WorkDir, BuildDir, Steps string
	Timeout                      *time.Duration
	Env                          map[string]string
	Variables                    []Variable
}
