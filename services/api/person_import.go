package api

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// importedAtOnce is how many rows of a file are worked on together. What a file costs in memory beside its own size is
// bounded by it.
const importedAtOnce = 1000

// The columns of files about people, by their first name.
const (
	colPerson    = "external_id"
	colFavourite = "favourite_store_external_id"
	colPurchase  = "purchase_id"
	colTime      = "time"
	colAmount    = "amount"
	colCurrency  = "currency"
	colStore     = "store_external_id"
	attributed   = "attributes."
	takesAway    = "-" // a cell that says so
)

// personColumns are what columns are called, as Korean spreadsheets have them included.
var personColumns = map[string]string{
	colPerson: colPerson, "id": colPerson, "person_external_id": colPerson, "회원번호": colPerson, "고객번호": colPerson,
	"tier": "tier", "등급": "tier", "staff": "staff", "직원": "staff", "test": "test",
	colFavourite: colFavourite, "favourite_store": colFavourite, "favorite_store": colFavourite, "단골매장": colFavourite,
	"locale": "locale", "언어": "locale", "time_zone": "time_zone", "시간대": "time_zone", "birth_date": "birth_date", "생년월일": "birth_date",
}

// fileRequest is what requests with a file about people have in common.
type fileRequest interface {
	GetContent() []byte
	GetEncoding() v1.ImportStoresRequest_Encoding
	GetFirstLine() int32
}

// tableOf opens a request's file. shift is what is added to a line's number in it to get that of the whole file.
func tableOf(r fileRequest) (t *store.Table, encoding string, shift int, err error) {
	content, err := unpack(r.GetContent())
	if err != nil {
		return nil, "", 0, err
	}
	encoding = encodingOf(r.GetEncoding(), content)
	if t, err = store.NewTable(content, encoding); err != nil {
		return nil, "", 0, unreadable("1", strings.TrimPrefix(err.Error(), store.ErrTable.Error()+": "))
	}
	if first := int(r.GetFirstLine()); first > 0 {
		shift = first - t.HeaderLine - 1
	}
	return t, encoding, shift, nil
}

// columnsOf gives a header's columns their first names. other names those that are not among them.
func columnsOf(header []string, names map[string]string, other func(string) string) ([]string, error) {
	columns, seen := make([]string, len(header)), map[string]bool{}
	for i, cell := range header {
		name, known := names[strings.ToLower(cell)]
		if !known {
			name = other(cell)
		}
		switch {
		case name == "":
			return nil, unreadable("1", fmt.Sprintf("column %q is not known", clipText(cell, 64)))
		case seen[name]:
			return nil, unreadable("1", fmt.Sprintf("column %s comes twice", name))
		}
		columns[i], seen[name] = name, true
	}
	return columns, nil
}

func needColumns(columns []string, needed ...string) error {
	for _, name := range needed {
		found := false
		for _, c := range columns {
			found = found || c == name
		}
		if !found {
			return unreadable("1", "the header has no column "+name)
		}
	}
	return nil
}

func clipText(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "?")
}

// peopleImport is one file about people on its way: rows become changes, changes outcomes, outcomes the report.
type peopleImport struct {
	*Server
	ctx     context.Context
	caller  *Caller
	brand   *brand.Brand
	columns []string
	create  bool
	dry     bool
	shift   int
	read    func(cells []string) (engine.ProfileChange, fault)
	rows    []importedRow
	changes []engine.ProfileChange
	report  *v1.ImportReport
}

// importedRow is where a change came from.
type importedRow struct {
	line int
	id   string
}

// ImportPersons makes and changes people by a file.
func (s *personService) ImportPersons(ctx context.Context, r *v1.ImportPersonsRequest) (*v1.ImportPersonsResponse, error) {
	in, table, err := s.newImport(ctx, r, r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	schema := audience.SchemaOf(in.brand.Settings.Attributes)
	in.columns, err = columnsOf(table.Columns, personColumns, func(cell string) string {
		name := strings.TrimPrefix(cell, attributed)
		if _, known := schema[name]; !known {
			return ""
		}
		return attributed + name
	})
	if err == nil {
		err = needColumns(in.columns, colPerson)
	}
	if err != nil {
		return nil, err
	}
	in.create, in.read = true, in.personReader(schema)
	if err := in.run(table); err != nil {
		return nil, err
	}
	return &v1.ImportPersonsResponse{Report: in.report}, nil
}

// newImport opens a request's file.
func (s *personService) newImport(ctx context.Context, r fileRequest, dry bool) (*peopleImport, *store.Table, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, nil, err
	}
	table, encoding, shift, err := tableOf(r)
	if err != nil {
		return nil, nil, err
	}
	return &peopleImport{Server: s.Server, ctx: ctx, caller: c, brand: b, dry: dry, shift: shift, report: &v1.ImportReport{Encoding: encoding}}, table, nil
}

// run takes the file row by row. A fault of ours ends it; what was written by then stays, and the same file again goes
// on from there.
func (in *peopleImport) run(table *store.Table) error {
	person := indexOf(in.columns, colPerson)
	for row := range table.Rows() {
		at := importedRow{line: row.Line + in.shift}
		if person < len(row.Cells) {
			at.id = row.Cells[person]
		}
		if row.Fault != "" {
			in.refuse(at, fault{Field: "row", Reason: v1.ErrorReason_INVALID_FIELD, Text: row.Fault})
			continue
		}
		change, bad := in.read(row.Cells)
		if why := audience.CheckExternalID(at.id); bad.Reason == 0 && why != "" {
			bad = fault{Field: colPerson, Reason: v1.ErrorReason_INVALID_FIELD, Text: why}
		}
		if bad.Reason != 0 {
			in.refuse(at, bad)
			continue
		}
		change.ExternalID = at.id
		in.rows, in.changes = append(in.rows, at), append(in.changes, change)
		if len(in.changes) == importedAtOnce {
			if err := in.flush(); err != nil {
				return err
			}
		}
	}
	return in.flush()
}

func indexOf(list []string, text string) int {
	for i := range list {
		if list[i] == text {
			return i
		}
	}
	return -1
}

func (in *peopleImport) flush() error {
	if len(in.changes) == 0 {
		return nil
	}
	if err := in.ctx.Err(); err != nil {
		return err
	}
	done, err := in.engine.ChangeProfiles(in.ctx, engine.ProfileChanges{BrandID: in.caller.Brand, Changes: in.changes, Create: in.create, DryRun: in.dry})
	if err != nil {
		return err
	}
	for i := range done {
		switch {
		case done[i].Err != nil:
			in.refuse(in.rows[i], changeFault(done[i].Err))
		case done[i].Changed == engine.Created:
			in.report.Created++
		case done[i].Changed == engine.Updated:
			in.report.Updated++
		default:
			in.report.Unchanged++
		}
	}
	clear(in.changes)
	in.rows, in.changes = in.rows[:0], in.changes[:0]
	return nil
}

func (in *peopleImport) refuse(at importedRow, f fault) {
	in.report.Refused++
	if len(in.report.Rows) >= maxReported {
		in.report.RowsOmitted++
		return
	}
	in.report.Rows = append(in.report.Rows, &v1.ImportReport_Row{
		Line: int32(at.line), ExternalId: clipText(at.id, audience.MaxExternalID), Action: v1.ImportReport_REFUSED, Reason: f.Reason, Field: f.Field, Detail: f.Text,
	})
}

// changeFault is why a row was not written.
func changeFault(err error) fault {
	f := fault{Field: colPerson}
	var vs brand.Violations
	switch {
	case errors.As(err, &vs):
		return fault{Field: vs[0].Field, Reason: v1.ErrorReason_INVALID_FIELD, Text: vs[0].Reason}
	case errors.Is(err, engine.ErrErased):
		f.Reason, f.Text = v1.ErrorReason_PERSON_ERASED, "the person was erased, and comes back only by logging in"
	case errors.Is(err, engine.ErrGone):
		f.Reason, f.Text = v1.ErrorReason_PERSON_ERASING, "the person is being erased"
	case errors.Is(err, engine.ErrNotFound):
		f.Reason, f.Text = v1.ErrorReason_PERSON_NOT_FOUND, "nobody has this id"
	default:
		f.Field, f.Reason, f.Text = "row", v1.ErrorReason_NOT_READY, "could not be written: bring it again"
	}
	return f
}

// personReader reads rows about people. An empty cell leaves what is there.
func (in *peopleImport) personReader(schema audience.Schema) func([]string) (engine.ProfileChange, fault) {
	settings := &in.brand.Settings
	return func(cells []string) (c engine.ProfileChange, bad fault) {
		edit := &personEdit{given: &v1.Person{}, attributes: map[string]any{}}
		for i, cell := range cells {
			column := in.columns[i]
			if cell == "" || column == colPerson {
				continue
			}
			if why := edit.cell(schema, column, cell); why != "" {
				return c, fault{Field: column, Reason: v1.ErrorReason_INVALID_FIELD, Text: why}
			}
		}
		c.Apply = func(p *audience.Profile) error {
			edit.write(p)
			return p.Fault(settings, in.engine.Now())
		}
		return c, bad
	}
}

// cell takes one cell in; why is its fault.
func (e *personEdit) cell(schema audience.Schema, column, cell string) (why string) {
	if name, ok := strings.CutPrefix(column, attributed); ok {
		e.attributes[name] = nil
		if cell != takesAway {
			e.attributes[name], why = schema.Parse(name, cell)
		}
		return why
	}
	e.fields = append(e.fields, column)
	if cell == takesAway {
		return ""
	}
	g := e.given
	switch column {
	case "tier":
		g.Tier = cell
	case colFavourite:
		g.FavouriteStoreExternalId = cell
	case "locale":
		g.Locale = cell
	case "time_zone":
		g.TimeZone = cell
	case "birth_date":
		g.BirthDate = cell
	default:
		value, ok := audience.ParseBool(cell)
		if !ok {
			return "must be true or false"
		}
		if column == "staff" {
			g.Staff = value
		} else {
			g.Test = value
		}
	}
	return ""
}
