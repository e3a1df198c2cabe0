// Prints what Istio's own installer would apply, with the arguments as its `--set` flags: the charts and the code that
// renders them are the module's.
package main

import (
	"fmt"
	"os"

	"istio.io/istio/operator/pkg/render"
	"istio.io/istio/operator/pkg/util/clog"
)

func main() {
	sets, _, err := render.GenerateManifest(nil, os.Args[1:], false, nil, clog.NewDefaultLogger())
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	for _, set := range sets {
		for _, manifest := range set.Manifests {
			fmt.Printf("---\n%s\n", manifest.Content)
		}
	}
}
