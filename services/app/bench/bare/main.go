// Command bare sends the requests of a file as fast as net/http and golang.org/x/net/http2 alone send them, keeping
// nothing, deciding nothing and writing nothing down: what `wantgo bench push` is compared with. It is a module of its
// own so that nothing of wantgo can get into it.
//
// It promises that every request of the file goes out exactly once, byte for byte, and that its times begin with the first
// request. It does not repeat what failed, and counts it. Requests whose header names an apns-topic go through the HTTP/2
// client alone, over a fixed number of connections, each of which first sends one request by itself; all others go
// through an http.Transport.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/http2"
)

// request is one line of the file.
type request struct {
	URL    string            `json:"url"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
}

func (r *request) build() (*http.Request, error) {
	out, err := http.NewRequest(http.MethodPost, r.URL, bytes.NewReader([]byte(r.Body)))
	if err != nil {
		return nil, err
	}
	for name, value := range r.Header {
		out.Header.Set(name, value)
	}
	return out, nil
}

// result is printed as one JSON object.
type result struct {
	Accepted  int     `json:"accepted"`
	Failed    int     `json:"failed"`
	FirstFail string  `json:"first_fail,omitempty"`
	Seconds   float64 `json:"seconds"`
	P50       float64 `json:"p50_ms"` // of a request, from its call to the end of its answer
	P99       float64 `json:"p99_ms"`
	CPU       float64 `json:"cpu_s"` // since the first request
}

func main() {
	file := flag.String("requests", "", "JSON lines: url, header, body")
	inFlight := flag.Int("in-flight", 384, "requests under way at once")
	conns := flag.Int("conns", 4, "connections of the HTTP/2 client alone")
	authority := flag.String("ca", "", "PEM file of the authority that signed the servers' certificates")
	limit := flag.Duration("for", 0, "begin no request later than this; 0: no limit")
	flag.Parse()
	r, err := run(*file, *authority, *inFlight, *conns, *limit)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(file, authority string, inFlight, conns int, limit time.Duration) (result, error) {
	requests, err := read(file)
	if err != nil {
		return result{}, err
	}
	pool, err := roots(authority)
	if err != nil {
		return result{}, err
	}
	plain := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConns: inFlight, MaxIdleConnsPerHost: inFlight,
		MaxConnsPerHost: max(inFlight/50, 4),
	}}
	return (&loop{requests: requests, plain: plain, apple: &apple{roots: pool, most: conns}, limit: limit}).run(inFlight), nil
}

func read(file string) (all []request, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for d := json.NewDecoder(bufio.NewReaderSize(f, 1<<20)); d.More(); {
		var r request
		if err := d.Decode(&r); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// loop is as many workers as may be under way, each making one request after the other.
type loop struct {
	requests []request
	plain    *http.Client
	apple    *apple
	limit    time.Duration

	next   atomic.Int64
	mu     sync.Mutex
	times  []time.Duration
	failed int
	first  string
}

func (l *loop) run(workers int) result {
	began, used := time.Now(), cpu()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			var times []time.Duration
			for i := l.next.Add(1) - 1; i < int64(len(l.requests)); i = l.next.Add(1) - 1 {
				if l.limit > 0 && time.Since(began) > l.limit {
					break
				}
				at := time.Now()
				if err := l.send(&l.requests[i]); err != nil {
					l.fail(err)
					continue
				}
				times = append(times, time.Since(at))
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.times = append(l.times, times...)
		})
	}
	all.Wait()
	took := time.Since(began)
	slices.Sort(l.times)
	return result{Accepted: len(l.times), Failed: l.failed, FirstFail: l.first, Seconds: took.Seconds(), P50: l.quantile(0.5), P99: l.quantile(0.99),
		CPU: (cpu() - used).Seconds()}
}

func (l *loop) quantile(q float64) float64 {
	if len(l.times) == 0 {
		return 0
	}
	return float64(l.times[min(len(l.times)-1, int(q*float64(len(l.times))))].Microseconds()) / 1000
}

func (l *loop) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed++; l.first == "" {
		l.first = err.Error()
	}
}

func (l *loop) send(r *request) error {
	out, err := r.build()
	if err != nil {
		return err
	}
	var answer *http.Response
	if r.Header["apns-topic"] != "" {
		answer, err = l.apple.do(out)
	} else {
		answer, err = l.plain.Do(out)
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.200s", answer.Status, text)
	}
	return err
}

// apple is a fixed number of HTTP/2 connections, taken in turn.
type apple struct {
	roots *x509.CertPool
	most  int

	once  sync.Once
	err   error
	conns []*connection
	next  atomic.Int64
}

// connection lets one request go alone before all others: until a connection's first push a server allows one stream.
type connection struct {
	*http2.ClientConn
	warm sync.Once
}

func (a *apple) do(r *http.Request) (answer *http.Response, err error) {
	a.once.Do(func() { a.err = a.open(r.Context(), r.URL.Host) })
	if a.err != nil {
		return nil, a.err
	}
	c := a.conns[int(a.next.Add(1))%len(a.conns)]
	c.warm.Do(func() { answer, err = c.RoundTrip(r) })
	if answer != nil || err != nil {
		return answer, err
	}
	return c.RoundTrip(r)
}

func (a *apple) open(ctx context.Context, host string) error {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return err
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: a.roots, ServerName: name, NextProtos: []string{http2.NextProtoTLS}}}
	transport := &http2.Transport{DisableCompression: true}
	for range a.most {
		raw, err := dialer.DialContext(ctx, "tcp", host)
		if err != nil {
			return err
		}
		client, err := transport.NewClientConn(raw)
		if err != nil {
			return err
		}
		a.conns = append(a.conns, &connection{ClientConn: client})
	}
	return nil
}

// cpu is the time that this process has used, user and system.
func cpu() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
