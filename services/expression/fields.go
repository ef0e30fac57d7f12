package expression

import (
	"time"

	"github.com/google/cel-go/common/types"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// Input is what an expression is asked about. What is left out is not known.
type Input struct {
	Person *audience.Profile
	// Lists names the uploaded lists that the person is on, by the brand's own ids; nil: they are not known.
	Lists  func() []string
	Store  *store.Store // nil: none, and every field of it is missing
	Moment *Moment      // likewise
	Now    time.Time
	// Zone is the person's, for the age; nil: UTC.
	Zone *time.Location
	// Visits counts visits to the moment's store, or to any, in days back; known is false without the history. Nil: there
	// is none.
	Visits func(anywhere bool, days int) (count int, known bool)
}

// Moment is what may be known of a moment. Zero values of what a kind of moment does not have are missing.
type Moment struct {
	Kind, Way  string
	Purpose    string   // of the fence
	FenceTags  []string // nil: no fence
	Stayed     time.Duration
	Distance   float64 // metres; negative: unknown
	Foreground bool
	Type       string // of a declared AppEvent
	Keyword    string
	Lingered   time.Duration
	Quantity   int
	Amount     float64
	Currency   string
	Properties map[string]any
	Item       *item.Item
}

// field is one thing that can be asked for: its type, and its value as far as it is known.
type field struct {
	kind *types.Type
	get  func(in *Input) (value any, known bool)
}

// The names of the objects. Nobody can write one, so none can be made up in an expression.
const (
	personName     = "a person"
	purchasesName  = "purchases"
	storeName      = "a store"
	momentName     = "a moment"
	itemName       = "an item"
	propertiesName = "properties of an AppEvent"
)

var (
	texts   = types.NewListType(types.StringType)
	amounts = types.NewMapType(types.StringType, types.DoubleType)
)

func text(s string) (any, bool) { return s, s != "" }

// personFields are known of every person, beside what the brand declares.
var personFields = map[string]field{
	"tier":            {types.StringType, func(in *Input) (any, bool) { return text(in.Person.Tier) }},
	"staff":           {types.BoolType, func(in *Input) (any, bool) { return in.Person.Staff, true }},
	"favourite_store": {types.StringType, func(in *Input) (any, bool) { return text(in.Person.FavouriteStore) }},
	"locale":          {types.StringType, func(in *Input) (any, bool) { return text(in.Person.Locale) }},
	"time_zone":       {types.StringType, func(in *Input) (any, bool) { return text(in.Person.TimeZone) }},
	"age":             {types.IntType, (*Input).age},
	"segments":        {texts, (*Input).lists},
	"purchases":       {types.NewObjectType(purchasesName), func(in *Input) (any, bool) { return in, true }},
	"last_opened":     {types.TimestampType, func(in *Input) (any, bool) { return in.Person.LastOpenedAt, !in.Person.LastOpenedAt.IsZero() }},
}

// profiling are the fields that tell what somebody is like; all that a brand declares are, too. What a person does not
// need to be judged by (a language, a place of work, a store they chose) is not among them.
var profiling = map[string]bool{"tier": true, "age": true, "segments": true, "purchases": true, "last_opened": true}

var purchasesFields = map[string]field{
	// Nothing kept is nothing bought, as far as the brand told.
	"count":  {types.IntType, func(in *Input) (any, bool) { return in.purchases().Count, true }},
	"first":  {types.TimestampType, func(in *Input) (any, bool) { p := in.purchases(); return p.First, !p.First.IsZero() }},
	"last":   {types.TimestampType, func(in *Input) (any, bool) { p := in.purchases(); return p.Last, !p.Last.IsZero() }},
	"amount": {amounts, func(in *Input) (any, bool) { return in.purchases().Amount, true }},
}

var storeFields = map[string]field{
	"external_id": {types.StringType, func(in *Input) (any, bool) { return text(in.Store.ExternalID) }},
	"name":        {types.StringType, func(in *Input) (any, bool) { return text(in.Store.Names[""]) }},
	"names":       {types.NewMapType(types.StringType, types.StringType), func(in *Input) (any, bool) { return in.Store.Names, true }},
	"tags":        {texts, func(in *Input) (any, bool) { return in.Store.Tags, true }},
	"district":    {types.StringType, func(in *Input) (any, bool) { return text(in.Store.District) }},
	"chain":       {types.StringType, func(in *Input) (any, bool) { return text(in.Store.Chain) }},
	"time_zone":   {types.StringType, func(in *Input) (any, bool) { return text(in.Store.TimeZone) }},
}

var momentFields = map[string]field{
	"kind":            {types.StringType, func(in *Input) (any, bool) { return text(in.Moment.Kind) }},
	"way":             {types.StringType, func(in *Input) (any, bool) { return in.Moment.Way, true }},
	"purpose":         {types.StringType, func(in *Input) (any, bool) { return text(in.Moment.Purpose) }},
	"fence_tags":      {texts, func(in *Input) (any, bool) { return in.Moment.FenceTags, in.Moment.Purpose != "" }},
	"stayed":          {types.DurationType, func(in *Input) (any, bool) { return in.Moment.Stayed, in.Moment.Stayed > 0 }},
	"distance_meters": {types.DoubleType, func(in *Input) (any, bool) { return in.Moment.Distance, in.Moment.Distance >= 0 }},
	"foreground":      {types.BoolType, func(in *Input) (any, bool) { return in.Moment.Foreground, true }},
	"type":            {types.StringType, func(in *Input) (any, bool) { return text(in.Moment.Type) }},
	"keyword":         {types.StringType, func(in *Input) (any, bool) { return text(in.Moment.Keyword) }},
	"lingered":        {types.DurationType, func(in *Input) (any, bool) { return in.Moment.Lingered, in.Moment.Lingered > 0 }},
	"quantity":        {types.IntType, func(in *Input) (any, bool) { return in.Moment.Quantity, in.Moment.Quantity != 0 }},
	"amount":          {types.DoubleType, func(in *Input) (any, bool) { return in.Moment.Amount, in.Moment.Currency != "" }},
	"currency":        {types.StringType, func(in *Input) (any, bool) { return text(in.Moment.Currency) }},
	"category":        {types.StringType, func(in *Input) (any, bool) { return in.category() }},
	"item":            {types.NewObjectType(itemName), func(in *Input) (any, bool) { return in, in.Moment.Item != nil }},
	"properties":      {types.NewObjectType(propertiesName), func(in *Input) (any, bool) { return in, true }},
}

var itemFields = map[string]field{
	"external_id": {types.StringType, func(in *Input) (any, bool) { return text(in.Moment.Item.ExternalID) }},
	"category":    {types.StringType, func(in *Input) (any, bool) { return text(in.Moment.Item.Category) }},
	"keywords":    {texts, func(in *Input) (any, bool) { return in.Moment.Item.Keywords, true }},
	"price":       {types.DoubleType, func(in *Input) (any, bool) { return in.Moment.Item.Price, in.Moment.Item.Currency != "" }},
	"currency":    {types.StringType, func(in *Input) (any, bool) { return text(in.Moment.Item.Currency) }},
}

func (in *Input) age() (any, bool) {
	zone := in.Zone
	if zone == nil {
		zone = time.UTC
	}
	years, ok := audience.AgeAt(in.Person.BirthDate, in.Now, zone)
	return years, ok
}

func (in *Input) lists() (any, bool) {
	if in.Lists == nil {
		return nil, false
	}
	return in.Lists(), true
}

func (in *Input) category() (any, bool) {
	if in.Moment.Item == nil {
		return nil, false
	}
	return text(in.Moment.Item.Category)
}

var noPurchases audience.Purchases

func (in *Input) purchases() *audience.Purchases {
	if in.Person.Purchases == nil {
		return &noPurchases
	}
	return in.Person.Purchases
}

// declared are the fields of what a brand declares. Where two declarations of a name differ, its type is known only of
// each value.
func declared(attributes []brand.Attribute, of func(in *Input) map[string]any) map[string]field {
	fields := map[string]field{}
	for _, a := range attributes {
		kind, ok := declaredKinds[a.Type]
		if !ok {
			continue
		}
		if before, twice := fields[a.Name]; twice && before.kind != kind {
			kind = types.DynType
		}
		name := a.Name
		fields[name] = field{kind, func(in *Input) (any, bool) { return declaredValue(kind, of(in)[name]) }}
	}
	return fields
}

var declaredKinds = map[string]*types.Type{
	brand.TypeString: types.StringType, brand.TypeNumber: types.DoubleType, brand.TypeBool: types.BoolType,
	brand.TypeDate: types.TimestampType, brand.TypeList: texts,
}

// declaredValue is a value as its declaration says; one that is of another type, from before the declaration changed, is
// not known. A date is the midnight of UTC that begins it.
func declaredValue(kind *types.Type, value any) (any, bool) {
	switch v := value.(type) {
	case string:
		if kind != types.TimestampType {
			return v, kind == types.StringType || kind == types.DynType
		}
		date, err := time.Parse(time.DateOnly, v)
		return date, err == nil
	case float64:
		return v, kind == types.DoubleType || kind == types.DynType
	case bool:
		return v, kind == types.BoolType || kind == types.DynType
	case []string:
		return v, kind == texts || kind == types.DynType
	case []any: // as JSON has it
		list := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return nil, false
			}
			list[i] = s
		}
		return list, kind == texts || kind == types.DynType
	}
	return nil, false
}
