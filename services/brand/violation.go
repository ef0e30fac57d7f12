package brand

import (
	"fmt"
	"strings"
)

// Violation is one fault of a request: which field, and why. Neither carries a secret or a person's place.
type Violation struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

func (v Violation) String() string {
	if v.Field == "" {
		return v.Reason
	}
	return v.Field + ": " + v.Reason
}

// Violations are all faults of a request, reported together. As an error it is never empty; see Err.
type Violations []Violation

// Error lists the faults.
func (vs Violations) Error() string {
	texts := make([]string, len(vs))
	for i, v := range vs {
		texts[i] = v.String()
	}
	return strings.Join(texts, "; ")
}

// Err is nil when there is no fault.
func (vs Violations) Err() error {
	if len(vs) == 0 {
		return nil
	}
	return vs
}

// Add notes a fault.
func (vs *Violations) Add(field, reason string, args ...any) {
	if len(args) > 0 {
		reason = fmt.Sprintf(reason, args...)
	}
	*vs = append(*vs, Violation{Field: field, Reason: reason})
}

// Check notes a fault unless ok.
func (vs *Violations) Check(ok bool, field, reason string, args ...any) {
	if !ok {
		vs.Add(field, reason, args...)
	}
}
