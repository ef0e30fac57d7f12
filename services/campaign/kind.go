package campaign

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wantgo/wantgo/geo/presence"
)

// Kind is what happened. A kind is spelled alike in the contract, in storage and in what people read.
type Kind string

// The kinds of moments. Entered to Approached come of a fence; StoreSearched is a search for places; what follows is told
// by AppEvents; the last four are made by the clock: nobody did anything.
const (
	Entered       Kind = "entered"
	Dwelled       Kind = "dwelled"
	Exited        Kind = "exited"
	Approached    Kind = "approached"
	StoreSearched Kind = "store_searched"
	Searched      Kind = "searched" // a keyword
	Viewed        Kind = "viewed"   // an item
	Did           Kind = "did"      // an AppEvent of a type that the brand declared
	Lingered      Kind = "lingered" // on an item
	BasketAdded   Kind = "basket_added"
	BasketRemoved Kind = "basket_removed"
	Bought        Kind = "bought"
	Flashed       Kind = "flashed"   // somebody was near when a flash began
	Scheduled     Kind = "scheduled" // a planned sending to an audience
	Dated         Kind = "dated"     // a person's or a coupon's date
	Absent        Kind = "absent"    // nothing was heard for days
)

// Way is which of the four ways of wanting a moment tells of: to go, to know, to do, to buy; empty: of none.
type Way string

// The ways.
const (
	Go   Way = "go"
	Know Way = "know"
	Do   Way = "do"
	Buy  Way = "buy"
)

// ways are all kinds, in the order of the contract.
var ways = []struct {
	kind Kind
	way  Way
}{
	{Entered, Go}, {Dwelled, Go}, {Exited, Go}, {Approached, Go}, {StoreSearched, Go}, {Searched, Know}, {Viewed, Know}, {Did, Do},
	{Lingered, Buy}, {BasketAdded, Buy}, {BasketRemoved, Buy}, {Bought, Buy}, {Flashed, ""}, {Scheduled, ""}, {Dated, ""}, {Absent, ""},
}

// Way is empty for what the clock makes.
func (k Kind) Way() Way {
	for _, w := range ways {
		if w.kind == k {
			return w.way
		}
	}
	return ""
}

// ByFence tells the kinds that come of a fence.
func (k Kind) ByFence() bool { return k == Entered || k == Dwelled || k == Exited || k == Approached }

// ByEvent tells the kinds that an AppEvent makes.
func (k Kind) ByEvent() bool {
	return slices.Contains([]Kind{Searched, Viewed, Did, Lingered, BasketAdded, BasketRemoved, Bought}, k)
}

// ByClock tells the kinds that no person's act makes.
func (k Kind) ByClock() bool { return k == Flashed || k == Scheduled || k == Dated || k == Absent }

// KindOf is a transition's kind as a moment's.
func KindOf(k presence.Kind) Kind { return Kind(k.String()) }

// ParseKind reads the name of a moment's kind.
func ParseKind(name string) (Kind, error) {
	names := make([]string, len(ways))
	for i, w := range ways {
		if string(w.kind) == name {
			return w.kind, nil
		}
		names[i] = string(w.kind)
	}
	return "", fmt.Errorf("kind %q: want one of %s", name, strings.Join(names, ", "))
}

// UnmarshalText reads what ParseKind reads.
func (k *Kind) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKind(string(text))
	return err
}
