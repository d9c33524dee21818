// An echo over crypto/tls, as its one argument (JSON, echoProgram.ts) asks for it. Reports go to standard error.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
)

type wish struct {
	Role              string
	Port              int
	Cert, Key, Ca     string
	Name              string
	Groups            []string
	Alpn              []string
	ClientCertificate string
	Staple            string
	Exporter          string
}

var groups = map[string]tls.CurveID{
	"x25519": tls.X25519, "secp256r1": tls.CurveP256, "secp384r1": tls.CurveP384,
}

var policies = map[string]tls.ClientAuthType{
	"none": tls.NoClientCert, "request": tls.VerifyClientCertIfGiven, "require": tls.RequireAndVerifyClientCert,
}

func main() {
	var w wish
	check(json.Unmarshal([]byte(os.Args[1]), &w))
	config := configOf(w)
	if w.Role == "server" {
		serve(config, w)
		return
	}
	visit(config, w)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); { // "again": with the session of the last time
		visit(config, w)
	}
}

func configOf(w wish) *tls.Config {
	pem, err := os.ReadFile(w.Ca)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    roots, ClientCAs: roots,
		ServerName: w.Name,
		NextProtos: w.Alpn,
		ClientAuth: policies[w.ClientCertificate],

		ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}
	for _, name := range w.Groups {
		config.CurvePreferences = append(config.CurvePreferences, groups[name])
	}
	if w.Cert != "" {
		pair, err := tls.LoadX509KeyPair(w.Cert, w.Key)
		check(err)
		if w.Role == "server" && w.Staple != "" {
			pair.OCSPStaple, err = os.ReadFile(w.Staple)
			check(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

func serve(config *tls.Config, w wish) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	report("listening", map[string]any{"port": listener.Addr().(*net.TCPAddr).Port})
	for {
		socket, err := listener.Accept()
		check(err)
		go talk(tls.Server(socket, config), w)
	}
}

func visit(config *tls.Config, w wish) {
	socket, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.Port))
	check(err)
	talk(tls.Client(socket, config), w)
}

func talk(conn *tls.Conn, w wish) {
	defer conn.Close()
	if err := conn.Handshake(); err != nil {
		report("error", map[string]any{"message": err.Error()})
		return
	}
	state := conn.ConnectionState()
	facts := map[string]any{
		"suite": tls.CipherSuiteName(state.CipherSuite), "alpn": state.NegotiatedProtocol, "resumed": state.DidResume,
	}
	if w.Staple != "" {
		facts["stapled"] = len(state.OCSPResponse) > 0
	}
	if w.Exporter != "" {
		bytes, err := state.ExportKeyingMaterial(w.Exporter, nil, 32)
		check(err)
		facts["exported"] = hex.EncodeToString(bytes)
	}
	report("handshake", facts)
	if err := echo(conn); err != nil {
		report("error", map[string]any{"message": err.Error()})
	}
}

func echo(conn *tls.Conn) error {
	closed := false
	buffer := make([]byte, 65536)
	for {
		n, err := conn.Read(buffer)
		if err == io.EOF {
			if !closed {
				conn.Write([]byte("farewell\n"))
				conn.CloseWrite()
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch text := string(buffer[:n]); {
		case closed:
			report("heard", map[string]any{"text": text})
		case text == "close your half\n":
			closed = true
			conn.CloseWrite()
		default:
			if _, err := conn.Write(buffer[:n]); err != nil {
				return err
			}
		}
	}
}

func report(event string, facts map[string]any) {
	facts["event"] = event
	line, _ := json.Marshal(facts)
	fmt.Fprintln(os.Stderr, string(line))
}

func check(err error) {
	if err != nil {
		report("error", map[string]any{"message": err.Error()})
		os.Exit(1)
	}
}
