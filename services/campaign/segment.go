package campaign

import (
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/expression"
)

// Segment is a saved choice of people, ready to be asked: those on an uploaded list, or those whom a rule holds for.
type Segment struct {
	*audience.Segment
	// Rule is the compiled rule; nil: a list, or a rule that cannot be compiled, and then nobody can be told to be in it.
	Program *expression.Program
}
