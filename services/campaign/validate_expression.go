package campaign

import "github.com/wantgo/wantgo/services/expression"

// expressions are what the campaign says in CEL. Each fault has its line and column.
func (r *review) expressions() {
	if r.c.Audience == "" && r.c.Trigger.Filter == "" {
		return
	}
	schema := r.known.Schema
	if schema == nil {
		schema = expression.NewSchema(&r.known.Brand.Settings)
	}
	for _, e := range []struct {
		field  string
		scope  expression.Scope
		source string
	}{{"trigger.filter", expression.Filter, r.c.Trigger.Filter}, {"audience", expression.Audience, r.c.Audience}} {
		if e.source == "" {
			continue
		}
		for _, f := range schema.Check(e.scope, e.source) {
			r.fault(e.field, FaultExpression, "line %d, column %d: %s", f.Line, f.Column, f.Text)
		}
	}
}
