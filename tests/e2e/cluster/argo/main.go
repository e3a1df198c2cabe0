// Where a workflow's artifacts go: an HTTP server that gives back what was put. Argo's `http` artifacts speak to it;
// its release comes with no store of its own, and its users have one of many.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: artifact-store ADDRESS FOLDER")
		os.Exit(2)
	}
	address, folder := os.Args[1], os.Args[2]
	http.HandleFunc("PUT /{name}", func(answer http.ResponseWriter, request *http.Request) {
		if err := put(filepath.Join(folder, filepath.Base(request.PathValue("name"))), request.Body); err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
		answer.WriteHeader(http.StatusCreated)
	})
	http.Handle("GET /", http.FileServer(http.Dir(folder)))
	fmt.Fprintln(os.Stderr, "error:", http.ListenAndServe(address, nil))
	os.Exit(1)
}

// put writes aside and renames: nobody reads half of an artifact.
func put(path string, from io.Reader) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".put")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := io.Copy(file, from); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
