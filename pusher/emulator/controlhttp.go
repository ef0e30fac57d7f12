package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

const maxControlBytes = 4 << 20

// routes puts the control API's paths on mux, each behind prefix.
func (c *Control) routes(mux *http.ServeMux, prefix string) {
	c.phoneRoutes(mux, prefix)
	mux.HandleFunc("GET "+prefix+"/counts", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.Counts()) })
	mux.HandleFunc("GET "+prefix+"/control/script", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.Script()) })
	mux.HandleFunc("PUT "+prefix+"/control/script", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, c.SetScript)
	})
	mux.HandleFunc("PUT "+prefix+"/control/script/{address...}", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(o []Outcome) error { return c.On(r.PathValue("address"), o...) })
	})
	mux.HandleFunc("DELETE "+prefix+"/control/script/{address...}", func(w http.ResponseWriter, r *http.Request) {
		_ = c.On(r.PathValue("address"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT "+prefix+"/control/default", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, c.SetDefault)
	})
	mux.HandleFunc("PUT "+prefix+"/control/latency", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(l Latency) error { c.SetLatency(l); return nil })
	})
	act := func(path string, do func()) {
		mux.HandleFunc("POST "+prefix+"/control/"+path, func(w http.ResponseWriter, _ *http.Request) {
			do()
			w.WriteHeader(http.StatusNoContent)
		})
	}
	act("stall", c.Stall)
	act("release", c.Release)
	act("forget", c.Forget)
}

// number reads a query's number; what is none is 0.
func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.URL.Query().Get(name))
	return n
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// change reads a T and applies it; both may refuse.
func change[T any](w http.ResponseWriter, r *http.Request, apply func(T) error) {
	var value T
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxControlBytes))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&value)
	if err == nil {
		err = apply(value)
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("refused: %v", err), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
