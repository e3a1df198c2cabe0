package value

import "errors"

type Kind string

const (
	NullKind   Kind = "null"
	StringKind Kind = "string"
	NumberKind Kind = "number"
	BoolKind   Kind = "boolean"
	ArrayKind  Kind = "array"
	ObjectKind Kind = "struct"
)

var (
	ErrAttributeNotFound = errors.New("attribute not found")
	ErrInvalidKey        = errors.New("invalid key")
)

// Value is null or a string: there are no inputs of jobs here.
type Value struct {
	kind Kind
	text string
}

type Mapper interface {
	Attr(string) (Value, error)
	Len() int
}

func Null() Value              { return Value{kind: NullKind} }
func String(text string) Value { return Value{kind: StringKind, text: text} }
func Object(Mapper) Value      { return Value{kind: ObjectKind} }

func (v Value) Kind() Kind {
	if v.kind == "" {
		return NullKind
	}
	return v.kind
}
func (v Value) String() string         { return v.text }
func (v Value) WithMarks(uint16) Value { return v }
func (v Value) HasMarks(uint16) bool   { return false }
