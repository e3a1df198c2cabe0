// Speaks the protocol of Ryuk, Testcontainers' reaper, whose own module the module proxy does not serve: a client sends
// filters, one a line, and holds its connection; some time after the last one has ended, what the filters match is removed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

var docker = http.Client{Transport: &http.Transport{
	DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", "/var/run/docker.sock")
	},
}}

func main() {
	ping, err := docker.Get("http://docker/_ping")
	if err != nil {
		log.Fatalf("no daemon answers at the socket: %v", err)
	}
	ping.Body.Close()
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	// Clients wait for this line, in this spelling.
	log.Print("Started!")

	connections := make(chan int)
	filters := make(chan string)
	go accept(listener, connections, filters)
	var open int
	asked := map[string]bool{}
	end := time.NewTimer(duration("RYUK_CONNECTION_TIMEOUT", time.Minute))
	for {
		select {
		case change := <-connections:
			if open += change; open > 0 {
				end.Stop()
			} else {
				end.Reset(duration("RYUK_RECONNECTION_TIMEOUT", 10*time.Second))
			}
		case filter := <-filters:
			asked[filter] = true
		case <-end.C:
			for filter := range asked {
				reap(filter)
			}
			return
		}
	}
}

func duration(variable string, otherwise time.Duration) time.Duration {
	if given, err := time.ParseDuration(os.Getenv(variable)); err == nil {
		return given
	}
	return otherwise
}

func accept(listener net.Listener, connections chan<- int, filters chan<- string) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		connections <- 1
		go func() {
			for lines := bufio.NewScanner(connection); lines.Scan(); {
				if line := strings.TrimSpace(lines.Text()); line != "" {
					filters <- line
				}
				fmt.Fprint(connection, "ACK\n")
			}
			connection.Close()
			connections <- -1
		}()
	}
}

// reap removes what a filter of the form `label=a=b&label=c` matches.
func reap(filter string) {
	values, err := url.ParseQuery(filter)
	if err != nil {
		log.Printf("filter %q: %v", filter, err)
		return
	}
	query, err := json.Marshal(values)
	if err != nil {
		log.Fatal(err)
	}
	filters := "filters=" + url.QueryEscape(string(query))
	for _, container := range list("/containers/json?all=1&" + filters) {
		remove("/containers/" + container.ID + "?force=1&v=1")
	}
	for _, network := range list("/networks?" + filters) {
		remove("/networks/" + network.ID)
	}
	for _, volume := range list("/volumes?" + filters) {
		remove("/volumes/" + volume.Name + "?force=1")
	}
	for _, image := range list("/images/json?" + filters) {
		remove("/images/" + image.ID)
	}
}

type resource struct{ ID, Name string }

func list(path string) []resource {
	answer, err := docker.Get("http://docker" + path)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	var found []resource
	if strings.HasPrefix(path, "/volumes") {
		var volumes struct{ Volumes []resource }
		err = json.NewDecoder(answer.Body).Decode(&volumes)
		found = volumes.Volumes
	} else {
		err = json.NewDecoder(answer.Body).Decode(&found)
	}
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
	return found
}

func remove(path string) {
	request, err := http.NewRequest(http.MethodDelete, "http://docker"+path, nil)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := docker.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	answer.Body.Close()
	log.Printf("removed %s: %s", path, answer.Status)
}
