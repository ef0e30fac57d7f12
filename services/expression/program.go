package expression

import (
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// Program is a compiled expression. It is immutable and safe for concurrent use.
type Program struct {
	program cel.Program
	// Profiles: it reads what tells what a person is like. Visits: it counts their visits. Store and Moment: it reads those.
	Profiles, Visits, Store, Moment bool
}

// Compile makes an expression ready to be asked. The error names the first fault with its line and column.
func (s *Schema) Compile(scope Scope, source string) (*Program, error) {
	checked, faults := s.check(scope, source)
	if len(faults) > 0 {
		return nil, fmt.Errorf("%d:%d: %s", faults[0].Line, faults[0].Column, faults[0].Text)
	}
	env, err := s.envs[scope]()
	if err != nil {
		return nil, err
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if most, err := env.EstimateCost(checked, endless{}); err != nil || most.Max > MaxCost {
		options = append(options, cel.CostLimit(MaxCost), callCosts) // counting costs more than most evaluations
	}
	program, err := env.Program(checked, options...)
	if err != nil {
		return nil, err
	}
	p := &Program{program: program}
	p.read(checked.NativeRep())
	return p, nil
}

// read finds out what the expression is about.
func (p *Program) read(checked *ast.AST) {
	ast.PreOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			s := e.AsSelect()
			of := checked.GetType(s.Operand().ID())
			if of.Kind() == types.StructKind && of.TypeName() == personName {
				_, common := personFields[s.FieldName()]
				p.Profiles = p.Profiles || !common || profiling[s.FieldName()]
			}
		case ast.CallKind:
			name := e.AsCall().FunctionName()
			p.Visits = p.Visits || name == "visits" || name == "visits_here"
			p.Store = p.Store || name == "visits_here"
		case ast.IdentKind:
			of := checked.GetType(e.ID())
			p.Store = p.Store || of.Kind() == types.StructKind && of.TypeName() == storeName
			p.Moment = p.Moment || of.Kind() == types.StructKind && of.TypeName() == momentName
		}
	}))
}

// Holds tells whether the expression is true. An error says why it is not decided: a *Missing field, or something that
// cannot be computed, such as a division by zero or more than it may cost. Undecided is never true.
func (p *Program) Holds(in *Input) (bool, error) {
	out, _, err := p.program.Eval(activation{in})
	if err != nil {
		return false, undecided(err)
	}
	return out == types.True, nil
}

func undecided(err error) error {
	wrapped, ok := err.(*types.Err)
	if !ok {
		return err
	}
	cause, ok := wrapped.Value().(error)
	if !ok {
		return err
	}
	if missing := new(Missing); errors.As(cause, &missing) {
		return missing
	}
	return cause
}

// activation gives an evaluation its variables.
type activation struct{ in *Input }

// ResolveName finds a variable. All objects are the input.
func (a activation) ResolveName(name string) (any, bool) {
	if name == "now" {
		return a.in.Now, true
	}
	_, ok := variables[name]
	return a.in, ok
}

// Parent is none.
func (activation) Parent() cel.Activation { return nil }

// Visits is the field that is missing where visits are not to be counted.
const Visits = "person.visits"

var errVisits = &Missing{Visits}

// visits is a function of a person that counts visits in days back, the present one included.
func visits(name string, anywhere bool) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload("person_"+name, []*cel.Type{cel.ObjectType(personName), cel.IntType}, cel.IntType,
		cel.BinaryBinding(func(person, days ref.Val) ref.Val {
			of, ok := person.(whole)
			n, isInt := days.(types.Int)
			if !ok || !isInt || n < 1 || n > 366 || of.in.Visits == nil {
				return types.WrapErr(errVisits)
			}
			count, known := of.in.Visits(anywhere, int(n))
			if !known {
				return types.WrapErr(errVisits)
			}
			return types.Int(count)
		})))
}
