// Stands for Envoy, which is no Go program: it takes the connections that Istio's rules give it, on the ports and as the
// user that Istio's template says, says of each where it was going, and takes it there. As Istio configures Envoy's
// passthrough clusters: what came in as inbound goes on from 127.0.0.6, which only this Pod's network can answer
// (InboundPassthroughBindIpv4 of istio.io/istio/pilot/pkg/networking/core).
//
//	proxy          listens on 15001 (outbound), 15006 (inbound) and 15021 (health)
//	proxy ADDRESS  answers HTTP there: who asks has got through; to /of/HOST:PORT with what it gets from there itself
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	if len(os.Args) == 2 {
		http.HandleFunc("GET /of/{address}", answerOf)
		http.HandleFunc("GET /", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprintln(answer, "peer") })
		fail(http.ListenAndServe(os.Args[1], nil))
	}
	go serve(":15001", func(from *net.TCPConn) { pass("outbound", from, nil) })
	go serve(":15006", func(from *net.TCPConn) { pass("inbound", from, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 6)}) })
	http.HandleFunc("GET /healthz/ready", func(http.ResponseWriter, *http.Request) {})
	fail(http.ListenAndServe(":15021", nil))
}

func answerOf(answer http.ResponseWriter, request *http.Request) {
	client := http.Client{Timeout: 5 * time.Second}
	got, err := client.Get("http://" + request.PathValue("address"))
	if err != nil {
		fmt.Fprintln(answer, "none")
		return
	}
	defer got.Body.Close()
	io.Copy(answer, got.Body)
}

func serve(address string, handle func(*net.TCPConn)) {
	listener, err := net.Listen("tcp4", address)
	fail(err)
	for {
		connection, err := listener.Accept()
		fail(err)
		go handle(connection.(*net.TCPConn))
	}
}

func pass(direction string, from *net.TCPConn, source net.Addr) {
	defer from.Close()
	target, err := destination(from)
	fail(err)
	fmt.Printf("%s: %s to %s\n", direction, from.RemoteAddr().(*net.TCPAddr).IP, target)
	dialer := net.Dialer{Timeout: 2 * time.Second, LocalAddr: source}
	connection, err := dialer.Dial("tcp4", target)
	if err != nil {
		fmt.Printf("%s: %v\n", direction, err)
		return
	}
	to := connection.(*net.TCPConn)
	defer to.Close()
	back := make(chan struct{})
	go func() {
		io.Copy(from, to)
		from.CloseWrite()
		close(back)
	}()
	io.Copy(to, from)
	to.CloseWrite()
	<-back
}

// destination is where a connection was going before a rule redirected it (SO_ORIGINAL_DST).
func destination(connection *net.TCPConn) (string, error) {
	raw, err := connection.SyscallConn()
	if err != nil {
		return "", err
	}
	const originalDestination = 80
	var address syscall.RawSockaddrInet4
	size := uint32(unsafe.Sizeof(address))
	var errno syscall.Errno
	if err := raw.Control(func(descriptor uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, descriptor, syscall.SOL_IP, originalDestination,
			uintptr(unsafe.Pointer(&address)), uintptr(unsafe.Pointer(&size)), 0)
	}); err != nil {
		return "", err
	}
	if errno != 0 {
		return "", errno
	}
	port := (*[2]byte)(unsafe.Pointer(&address.Port))
	return fmt.Sprintf("%s:%d", net.IP(address.Addr[:]), int(port[0])<<8|int(port[1])), nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
