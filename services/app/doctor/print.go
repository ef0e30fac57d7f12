package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Print writes one line a finding.
func Print(w io.Writer, all []Finding) error {
	var err error
	for _, f := range all {
		_, err = fmt.Fprintf(w, "%-8s %-18s %s", f.Level, f.Check, f.Found)
		if f.Advice != "" {
			_, err = fmt.Fprintf(w, ": %s", f.Advice)
		}
		_, err = fmt.Fprintln(w)
	}
	return err
}

// PrintJSON writes one object: the worst level, and the findings.
func PrintJSON(w io.Writer, all []Finding) error {
	return json.NewEncoder(w).Encode(struct {
		Level    Level     `json:"level"`
		Findings []Finding `json:"findings"`
	}{Worst(all), all})
}

func mode(file string) *fs.FileMode {
	info, err := os.Stat(file)
	if file == "" || err != nil {
		return nil
	}
	m := info.Mode()
	return &m
}
