// What of GitLab's jobs API a runner needs: it asks for a job, sends its log, its state, and its artifacts.
// Jobs are files FOLDER/jobs/TOKEN/ID.json, each given once to the runner with that token. What comes back is in
// FOLDER/ID.log, FOLDER/ID.state (JSON) and FOLDER/ID.artifacts.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

type coordinator struct{ folder string }

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: coordinator ADDRESS FOLDER")
		os.Exit(2)
	}
	c := coordinator{os.Args[2]}
	for pattern, handle := range map[string]func(*http.Request, http.ResponseWriter) (int, error){
		"POST /api/v4/jobs/request":        c.request,
		"PATCH /api/v4/jobs/{id}/trace":    c.trace,
		"PUT /api/v4/jobs/{id}":            c.update,
		"POST /api/v4/jobs/{id}/artifacts": c.artifacts,
	} {
		http.HandleFunc(pattern, func(answer http.ResponseWriter, request *http.Request) {
			status, err := handle(request, answer)
			if err != nil {
				http.Error(answer, err.Error(), http.StatusInternalServerError)
			} else if status != 0 {
				answer.WriteHeader(status)
			}
		})
	}
	fmt.Fprintln(os.Stderr, "error:", http.ListenAndServe(os.Args[1], nil))
	os.Exit(1)
}

func (c coordinator) file(request *http.Request, suffix string) string {
	return filepath.Join(c.folder, filepath.Base(request.PathValue("id"))+suffix)
}

func (c coordinator) request(request *http.Request, answer http.ResponseWriter) (int, error) {
	var from struct{ Token string }
	if err := json.NewDecoder(request.Body).Decode(&from); err != nil {
		return 0, err
	}
	waiting, err := filepath.Glob(filepath.Join(c.folder, "jobs", filepath.Base(from.Token), "*.json"))
	if err != nil || len(waiting) == 0 {
		return http.StatusNoContent, err
	}
	sort.Strings(waiting)
	job, err := os.ReadFile(waiting[0])
	if err != nil {
		return 0, err
	}
	if err := os.Rename(waiting[0], waiting[0]+".given"); err != nil {
		return 0, err
	}
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(http.StatusCreated)
	_, err = answer.Write(job)
	return 0, err
}

func (c coordinator) trace(request *http.Request, answer http.ResponseWriter) (int, error) {
	var start, end int64
	if _, err := fmt.Sscanf(request.Header.Get("Content-Range"), "%d-%d", &start, &end); err != nil {
		return 0, err
	}
	file, err := os.OpenFile(c.file(request, ".log"), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if _, err := file.Seek(start, io.SeekStart); err != nil {
		return 0, err
	}
	if _, err := io.Copy(file, request.Body); err != nil {
		return 0, err
	}
	answer.Header().Set("Range", fmt.Sprintf("0-%d", end+1))
	answer.Header().Set("Job-Status", "running")
	return http.StatusAccepted, nil
}

// The last state is told once the job has ended.
func (c coordinator) update(request *http.Request, _ http.ResponseWriter) (int, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return 0, err
	}
	var state struct{ State string }
	if err := json.Unmarshal(body, &state); err != nil {
		return 0, err
	}
	if state.State != "success" && state.State != "failed" {
		return http.StatusOK, nil
	}
	return http.StatusOK, os.WriteFile(c.file(request, ".state"), body, 0o644)
}

func (c coordinator) artifacts(request *http.Request, answer http.ResponseWriter) (int, error) {
	parts, err := request.MultipartReader()
	if err != nil {
		return 0, err
	}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		if part.FileName() == "" {
			continue
		}
		file, err := os.Create(c.file(request, ".artifacts"))
		if err != nil {
			return 0, err
		}
		if _, err := io.Copy(file, part); err != nil {
			file.Close()
			return 0, err
		}
		if err := file.Close(); err != nil {
			return 0, err
		}
	}
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(http.StatusCreated)
	_, err = io.Copy(answer, strings.NewReader("{}"))
	return 0, err
}
