package expression

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"

	"github.com/wantgo/wantgo/services/brand"
)

// Scope says what an expression may be about.
type Scope int

// The scopes.
const (
	Audience Scope = iota // person, store, moment, now
	Filter                // moment, store, now
	Segment               // person, now
	scopes
)

var scopeVariables = [scopes][]string{
	Audience: {"person", "store", "moment"},
	Filter:   {"moment", "store"},
	Segment:  {"person"},
}

// The bounds of an expression.
const (
	MaxLength = 4000   // bytes
	MaxCost   = 20_000 // of one evaluation, in units of CEL's own; a comparison costs one
	maxDepth  = 40     // of brackets and operators within each other
	maxLoops  = 2      // exists, all, map and filter within each other
)

// Schema is what expressions of one brand may be about: the attributes and AppEvent types it declared, beside what is
// known of everybody. It is immutable and safe for concurrent use.
type Schema struct {
	objects *objects
	envs    [scopes]func() (*cel.Env, error)
}

// NewSchema makes the schema of a brand. A declared name that is known of everybody means that.
func NewSchema(s *brand.Settings) *Schema {
	var properties []brand.Attribute
	for _, t := range s.EventTypes {
		properties = append(properties, t.Properties...)
	}
	schema := &Schema{}
	registry, err := types.NewRegistry()
	if err == nil {
		schema.objects = newObjects(registry,
			declared(s.Attributes, func(in *Input) map[string]any { return in.Person.Attributes }),
			declared(properties, func(in *Input) map[string]any { return in.Moment.Properties }))
	}
	for scope := range schema.envs {
		schema.envs[scope] = sync.OnceValues(func() (*cel.Env, error) {
			if err != nil {
				return nil, err
			}
			return schema.env(Scope(scope))
		})
	}
	return schema
}

// language is CEL with its standard library, made once.
var language = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewCustomEnv(
		cel.StdLib(),
		cel.EagerlyValidateDeclarations(true),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateComprehensionNestingLimit(maxLoops)),
	)
})

func (s *Schema) env(scope Scope) (*cel.Env, error) {
	base, err := language()
	if err != nil {
		return nil, err
	}
	options := []cel.EnvOption{
		cel.CustomTypeAdapter(s.objects), cel.CustomTypeProvider(s.objects), cel.Variable("now", cel.TimestampType),
	}
	for _, name := range scopeVariables[scope] {
		options = append(options, cel.Variable(name, cel.ObjectType(variables[name])))
	}
	if scope == Audience {
		options = append(options, visits("visits", true), visits("visits_here", false))
	}
	return base.Extend(options...)
}

// Fault is one fault of an expression.
type Fault struct {
	Line, Column int // both from 1, columns in characters
	Text         string
}

// Check names the faults of an expression; none: it compiles, and costs no more than it may.
func (s *Schema) Check(scope Scope, source string) []Fault {
	_, faults := s.check(scope, source)
	return faults
}

func (s *Schema) check(scope Scope, source string) (*cel.Ast, []Fault) {
	switch {
	case len(source) > MaxLength:
		return nil, []Fault{{1, 1, fmt.Sprintf("%d bytes, at most %d", len(source), MaxLength)}}
	case !utf8.ValidString(source):
		return nil, []Fault{{1, 1, "not valid UTF-8"}}
	case strings.TrimSpace(source) == "":
		return nil, []Fault{{1, 1, "says nothing"}}
	}
	env, err := s.envs[scope]()
	if err != nil {
		return nil, []Fault{{1, 1, err.Error()}}
	}
	checked, issues := env.Compile(source)
	if issues != nil && issues.Err() != nil {
		return nil, faultsOf(issues)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, []Fault{{1, 1, fmt.Sprintf("gives %s; want true or false", checked.OutputType())}}
	}
	if cost, err := env.EstimateCost(checked, sizes{}); err != nil || cost.Max > MaxCost {
		return nil, []Fault{{1, 1, fmt.Sprintf("may cost %d, at most %d: loops within loops over long lists are dear", cost.Max, MaxCost)}}
	}
	return checked, nil
}

// mostFaults is how many faults are told.
const mostFaults = 20

func faultsOf(issues *cel.Issues) []Fault {
	errors := issues.Errors()
	faults := make([]Fault, 0, min(len(errors), mostFaults))
	for _, e := range errors[:min(len(errors), mostFaults)] {
		f := Fault{max(1, e.Location.Line()), max(0, e.Location.Column()) + 1, hinted(e.Message)}
		faults = append(faults, f)
	}
	return faults
}

// hinted adds what a marketer should write where CEL says something only programmers understand.
func hinted(message string) string {
	if strings.Contains(message, "no matching overload") && strings.Contains(message, "double") && strings.Contains(message, "int") {
		message += "; a number with a fraction is compared with one written so: 5.0, not 5"
	}
	if len(message) > 500 {
		message = strings.ToValidUTF8(message[:500], "") + "…"
	}
	return message
}
