package fields

const HTTPStatusCode = "status"

type Field struct{ Standard string }

var (
	Deprecated     = map[string]Field{}
	VariantVersion = map[string]int{}
)
