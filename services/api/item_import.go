package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// maxItems bounds one file.
const maxItems = 200_000

// itemColumns are what columns are called, as Korean spreadsheets have them included.
var itemColumns = map[string]string{
	"id": "id", "external_id": "id", "상품코드": "id", "상품번호": "id", "name": "name", "상품명": "name", "category": "category", "카테고리": "category",
	"분류": "category", "keywords": "keywords", "키워드": "keywords", "price": "price", "가격": "price", "판매가": "price", "currency": "currency",
	"통화": "currency", "image_url": "image_url", "image_uri": "image_url", "이미지": "image_url", "link": "link", "링크": "link", "stores": "stores",
	"store_external_ids": "stores", "매장": "stores",
}

// listSeparator stands between the entries of a cell.
const listSeparator = ";"

// itemImport is one ImportItems on its way.
type itemImport struct {
	*Server
	caller  *Caller
	request *v1.ImportItemsRequest
	locale  string
	first   map[string]int // own id -> the line it stands in
	report  *v1.ImportReport
	mended  []*v1.ImportReport_Row
	created []*v1.ImportReport_Row
	updated []*v1.ImportReport_Row
	write   []item.Item
}

// ImportItems creates and updates items from a file; nothing is deleted by one.
func (s *itemService) ImportItems(ctx context.Context, r *v1.ImportItemsRequest) (*v1.ImportItemsResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	in := &itemImport{
		Server: s.Server, caller: c, request: r, locale: orText(r.GetLocale(), b.Settings.Locale), first: map[string]int{}, report: &v1.ImportReport{},
	}
	if !brand.ValidLocale(in.locale) {
		var fs faults
		fs.add("locale", v1.ErrorReason_LOCALE_INVALID, "not a BCP 47 language tag", "locale", in.locale)
		return nil, fs.err()
	}
	content, err := unpack(r.GetContent())
	if err != nil {
		return nil, err
	}
	if r.GetFormat() == v1.ImportItemsRequest_CSV {
		err = in.readCSV(content)
	} else {
		err = in.readJSON(content)
	}
	if err != nil {
		return nil, err
	}
	in.report.Mended = int32(len(in.mended))
	in.report.Rows = slices.Concat(in.report.Rows, in.mended, in.created, in.updated)
	out := &v1.ImportItemsResponse{Report: reported(in.report)}
	if r.GetValidateOnly() || len(in.write) == 0 {
		return out, nil
	}
	_, err = s.engine.Write(ctx, engine.CatalogueWrite{BrandID: c.Brand, Actor: c.by(), Items: in.write})
	return out, write{}.conflict(err, "", "")
}

func (in *itemImport) refuse(line int, id string, f fault) {
	in.report.Refused++
	in.report.Rows = append(in.report.Rows, &v1.ImportReport_Row{
		Line: int32(line), ExternalId: clipText(id, item.MaxExternalID), Action: v1.ImportReport_REFUSED, Reason: f.Reason,
		Field: strings.TrimPrefix(f.Field, "item."), Detail: f.Text,
	})
}

func invalidRow(field, text string) fault {
	return fault{Field: field, Reason: v1.ErrorReason_INVALID_FIELD, Text: text}
}

func (in *itemImport) readCSV(content []byte) error {
	encoding := encodingOf(v1.ImportStoresRequest_ENCODING_UNSPECIFIED, content)
	table, err := store.NewTable(content, encoding)
	if err != nil {
		return unreadable("1", strings.TrimPrefix(err.Error(), store.ErrTable.Error()+": "))
	}
	in.report.Encoding = encoding
	columns, err := in.header(table)
	if err != nil {
		return err
	}
	for row := range table.Rows() {
		id := ""
		if at := slices.Index(columns, "id"); at < len(row.Cells) {
			id = strings.TrimSpace(row.Cells[at])
		}
		if row.Fault != "" {
			in.refuse(row.Line, id, invalidRow("row", row.Fault))
			continue
		}
		if err := in.readRow(row, columns, id); err != nil {
			return err
		}
	}
	return nil
}

// header gives the columns their first names; "" is one that is not taken.
func (in *itemImport) header(table *store.Table) ([]string, error) {
	columns := make([]string, len(table.Columns))
	for i, cell := range table.Columns {
		name, known := itemColumns[strings.ToLower(cell)]
		if locale, ok := strings.CutPrefix(cell, "name_"); !known && ok && brand.ValidLocale(locale) {
			name, known = "name:"+locale, true
		}
		switch {
		case !known:
			in.mended = append(in.mended, &v1.ImportReport_Row{
				Line: int32(table.HeaderLine), Action: v1.ImportReport_MENDED, Field: clipText(cell, 64), Detail: "unknown column: not taken",
			})
		case slices.Contains(columns[:i], name):
			return nil, unreadable("1", fmt.Sprintf("column %s comes twice", name))
		}
		columns[i] = name
	}
	return columns, needColumns(columns, "id")
}

// readRow takes one row over what the brand has: fields without a column stay as they are.
func (in *itemImport) readRow(row store.TableRow, columns []string, id string) error {
	given := &v1.Item{ExternalId: id}
	if before, err := in.engine.ItemByExternalID(in.caller.Brand, id); err == nil {
		given = itemTo(before)
	}
	for i, name := range columns {
		if i >= len(row.Cells) || name == "" || name == "id" {
			continue
		}
		if f, ok := in.set(given, name, strings.TrimSpace(row.Cells[i])); !ok {
			in.refuse(row.Line, id, f)
			return nil
		}
	}
	return in.take(row.Line, given)
}

// set gives an item what a cell says.
func (in *itemImport) set(g *v1.Item, column, cell string) (f fault, ok bool) {
	locale, named := strings.CutPrefix(column, "name:")
	switch {
	case column == "name":
		setName(g, in.locale, cell)
	case named:
		setName(g, locale, cell)
	case column == "category":
		g.Category = cell
	case column == "keywords":
		g.Keywords = entries(cell)
	case column == "price":
		return setPrice(g, cell)
	case column == "currency":
		g.Currency = strings.ToUpper(cell)
	case column == "image_url":
		g.ImageUri = cell
	case column == "link":
		g.Link = cell
	case column == "stores":
		g.StoreIds, g.StoreExternalIds = nil, entries(cell)
	}
	return fault{}, true
}

func setName(g *v1.Item, locale, name string) {
	if name == "" {
		delete(g.Names, locale)
		return
	}
	if g.Names == nil {
		g.Names = map[string]string{}
	}
	g.Names[locale] = name
}

// setPrice reads a price as people write it: 4500, 4,500 or 4500.50.
func setPrice(g *v1.Item, cell string) (fault, bool) {
	if g.Price = 0; cell == "" {
		return fault{}, true
	}
	price, err := strconv.ParseFloat(strings.ReplaceAll(cell, ",", ""), 64)
	if err != nil {
		return invalidRow("price", "not a number"), false
	}
	g.Price = price
	return fault{}, true
}

func entries(cell string) (list []string) {
	for _, one := range strings.Split(cell, listSeparator) {
		if one = strings.TrimSpace(one); one != "" && !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// readJSON reads an array of items, or one after the other. What is no JSON ends the file: nothing says where the next
// item would begin.
func (in *itemImport) readJSON(content []byte) error {
	in.report.Encoding = encodingUTF8
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	decoder := json.NewDecoder(bytes.NewReader(content))
	lines := &lineCounter{content: content, line: 1}
	if text := bytes.TrimLeft(content, " \t\r\n"); len(text) > 0 && text[0] == '[' {
		_, _ = decoder.Token()
	}
	for decoder.More() {
		line := lines.at(decoder.InputOffset())
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return unreadable(strconv.Itoa(line), "not JSON")
		}
		given := &v1.Item{}
		if err := protojson.Unmarshal(raw, given); err != nil {
			in.refuse(line, "", invalidRow("item", "not an item of this contract"))
			continue
		}
		given.Id, given.Etag = "", ""
		if err := in.take(line, given); err != nil {
			return err
		}
	}
	return nil
}

// lineCounter tells in which line something begins, for ever later places.
type lineCounter struct {
	content []byte
	read    int
	line    int
}

// at is the line of the first item behind an offset.
func (l *lineCounter) at(offset int64) int {
	to := int(offset)
	for to < len(l.content) && bytes.IndexByte([]byte(" \t\r\n,"), l.content[to]) >= 0 {
		to++
	}
	l.line += bytes.Count(l.content[l.read:to], []byte{'\n'})
	l.read = to
	return l.line
}

// take makes a row of the file what it is to be, or refuses it.
func (in *itemImport) take(line int, given *v1.Item) error {
	id := given.GetExternalId()
	if len(in.first) >= maxItems {
		return unreadable(strconv.Itoa(line), fmt.Sprintf("more than %d items", maxItems))
	}
	if before, twice := in.first[id]; twice && id != "" {
		in.refuse(line, id, fault{Field: "id", Reason: v1.ErrorReason_ROW_REPEATED, Text: fmt.Sprintf("already in line %d", before)})
		return nil
	}
	if given.GetPrice() != 0 && given.GetCurrency() == "" {
		given.Currency = in.request.GetCurrency()
	}
	base := item.Item{ID: engine.NewID(in.engine.Now())}
	before, err := in.engine.ItemByExternalID(in.caller.Brand, id)
	if err == nil {
		base = *before
	}
	after, err := in.itemFrom(in.caller, given, base)
	if fs := faultsOfStatus(err, "item.", ""); len(fs) > 0 {
		in.refuse(line, id, fs[0])
		return nil
	}
	if err != nil {
		return err
	}
	in.first[id] = line
	in.note(line, before, after)
	return nil
}

// note counts what becomes of a row and keeps what is to be written.
func (in *itemImport) note(line int, before, after *item.Item) {
	row := &v1.ImportReport_Row{Line: int32(line), ExternalId: after.ExternalID, Action: v1.ImportReport_CREATED}
	if before == nil {
		in.report.Created++
		in.created, in.write = append(in.created, row), append(in.write, *after)
		return
	}
	if row.Changes = itemChanges(before, after); len(row.Changes) == 0 {
		in.report.Unchanged++
		return
	}
	row.Action = v1.ImportReport_UPDATED
	in.report.Updated++
	in.updated, in.write = append(in.updated, row), append(in.write, *after)
}
