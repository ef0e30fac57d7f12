package api

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

func TestItems(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	shop := tn.store("s1")
	items := v1.NewItemServiceClient(f.conn)
	made := tn.item("latte", "coffee", "라떼")
	_, err := items.CreateItem(tn.server(), &v1.CreateItemRequest{RequestId: uuid.NewString(), Item: &v1.Item{ExternalId: "latte", Names: map[string]string{"ko": "x"}}})
	requireRefused(t, err, codes.AlreadyExists, v1.ErrorReason_EXTERNAL_ID_TAKEN)
	update := func(change *v1.Item, missing bool, mask ...string) (*v1.Item, error) {
		r, err := items.UpdateItem(tn.server(), &v1.UpdateItemRequest{RequestId: uuid.NewString(), Item: change, AllowMissing: missing, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}})
		return r.GetItem(), err
	}
	changed, err := update(&v1.Item{ExternalId: "latte", Etag: made.GetEtag(), Price: 5000, StoreExternalIds: []string{"s1"}}, false, "price", "store_external_ids")
	require.NoError(t, err)
	require.Equal(t, 5000.0, changed.GetPrice())
	require.Equal(t, []string{shop.GetId()}, changed.GetStoreIds())
	require.Equal(t, made.GetKeywords(), changed.GetKeywords())
	_, err = update(&v1.Item{ExternalId: "latte", Etag: made.GetEtag(), Price: 1}, false, "price")
	requireRefused(t, err, codes.Aborted, v1.ErrorReason_ETAG_MISMATCH)
	_, err = update(&v1.Item{ExternalId: "mocha", Names: map[string]string{"ko": "모카"}}, false)
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_ITEM_NOT_FOUND)
	mocha, err := update(&v1.Item{ExternalId: "mocha", Names: map[string]string{"ko": "모카"}}, true)
	require.NoError(t, err)
	_, err = update(&v1.Item{ExternalId: "mocha", Names: map[string]string{"ko": "모카"}, StoreExternalIds: []string{"s9"}, ImageUri: "http://x"}, false)
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND)
	require.Equal(t, []string{"item.store_external_ids[0]", "item.image_uri"}, fieldsOf(err))

	list, err := items.ListItems(tn.server(), &v1.ListItemsRequest{PageSize: 1})
	require.NoError(t, err)
	rest, err := items.ListItems(tn.server(), &v1.ListItemsRequest{PageSize: 1, PageToken: list.GetNextPageToken()})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{made.GetId(), mocha.GetId()}, []string{list.GetItems()[0].GetId(), rest.GetItems()[0].GetId()})
	require.Empty(t, rest.GetNextPageToken())
	list, err = items.ListItems(tn.server(), &v1.ListItemsRequest{Keyword: " ＬＡＴＴＥ"})
	require.NoError(t, err)
	require.Len(t, list.GetItems(), 1)
	_, err = items.DeleteItem(tn.server(), &v1.DeleteItemRequest{RequestId: uuid.NewString(), Key: &v1.DeleteItemRequest_ExternalId{ExternalId: "latte"}})
	require.NoError(t, err)
	_, err = items.GetItem(tn.server(), &v1.GetItemRequest{Key: &v1.GetItemRequest_Id{Id: made.GetId()}})
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_ITEM_NOT_FOUND)
	tn.item("latte", "coffee") // the own id is free again
}

func TestImportItems(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.store("s1")
	items := v1.NewItemServiceClient(f.conn)
	csv := "id,name,name_en,category,keywords,price,stores,colour\n" +
		"latte,라떼,Latte,coffee,우유;커피,\"4,500\",s1,white\n" +
		",이름만,,,,,,\n" +
		"mocha,모카,,coffee,,five,,\n" +
		"tea,차,,tea,,,s9,\n" +
		"latte,또,,,,,,\n" +
		"bun,,,bread,,,,\n" +
		"cake,케이크,,bread,,6000,,\n"
	load := func(content string, format v1.ImportItemsRequest_Format, dry bool) *v1.ImportReport {
		t.Helper()
		r, err := items.ImportItems(tn.server(), &v1.ImportItemsRequest{RequestId: uuid.NewString(), Content: []byte(content), Format: format, Currency: "KRW", ValidateOnly: dry})
		require.NoError(t, err)
		return r.GetReport()
	}
	dry := load(csv, v1.ImportItemsRequest_CSV, true)
	require.Equal(t, int32(2), dry.GetCreated())
	_, err := items.GetItem(tn.server(), &v1.GetItemRequest{Key: &v1.GetItemRequest_ExternalId{ExternalId: "latte"}})
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_ITEM_NOT_FOUND)
	report := load(csv, v1.ImportItemsRequest_CSV, false)
	require.Equal(t, []int32{2, 0, 5, 1}, []int32{report.GetCreated(), report.GetUpdated(), report.GetRefused(), report.GetMended()}, "%v", report)
	var refused []string
	for _, row := range report.GetRows() {
		if row.GetAction() == v1.ImportReport_REFUSED {
			refused = append(refused, fmt.Sprintf("%d %s %s", row.GetLine(), row.GetField(), row.GetReason()))
		}
	}
	require.Equal(t, []string{"3 external_id INVALID_FIELD", "4 price INVALID_FIELD", "5 store_external_ids[0] STORE_NOT_FOUND", "6 id ROW_REPEATED", "7 names INVALID_FIELD"}, refused)
	got, err := items.GetItem(tn.server(), &v1.GetItemRequest{Key: &v1.GetItemRequest_ExternalId{ExternalId: "latte"}})
	require.NoError(t, err)
	require.Equal(t, []string{"우유", "커피"}, got.GetItem().GetKeywords())
	require.Equal(t, map[string]string{"ko": "라떼", "en": "Latte"}, got.GetItem().GetNames())
	require.Equal(t, "KRW", got.GetItem().GetCurrency())
	require.Len(t, got.GetItem().GetStoreIds(), 1)
	report = load(csv, v1.ImportItemsRequest_CSV, false)
	require.Equal(t, []int32{0, 0, 2}, []int32{report.GetCreated(), report.GetUpdated(), report.GetUnchanged()}, "the same again changes nothing")

	report = load("id,price\nlatte,5000\n", v1.ImportItemsRequest_CSV, false)
	require.Equal(t, "price", report.GetRows()[0].GetChanges()[0].GetField())
	report = load(`[{"externalId": "latte", "names": {"ko": "라떼"}}, {"external_id": "soda", "names": {"ko": "소다"}},
		{"external_id": "x", "colour": 1}, {"external_id": "y"}]`, v1.ImportItemsRequest_JSON, false)
	require.Equal(t, []int32{1, 1, 2}, []int32{report.GetCreated(), report.GetUpdated(), report.GetRefused()}, "%v", report)
	require.Equal(t, int32(2), report.GetRows()[0].GetLine())
	report = load("{\"external_id\": \"a\", \"names\": {\"ko\": \"a\"}}\n{\"external_id\": \"b\", \"names\": {\"ko\": \"b\"}}\n", v1.ImportItemsRequest_JSON, false)
	require.Equal(t, int32(2), report.GetCreated())
	_, err = items.ImportItems(tn.server(), &v1.ImportItemsRequest{RequestId: uuid.NewString(), Content: []byte("name\nx\n"), Format: v1.ImportItemsRequest_CSV})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_FILE_UNREADABLE)
	_, err = items.ImportItems(tn.server(), &v1.ImportItemsRequest{RequestId: uuid.NewString(), Content: []byte(`[{"a": `), Format: v1.ImportItemsRequest_JSON})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_FILE_UNREADABLE)

	var large bytes.Buffer
	large.WriteString("id,name\n")
	for i := range 5000 {
		fmt.Fprintf(&large, "n%d,상품 %d\n", i, i)
	}
	require.Equal(t, int32(5000), load(large.String(), v1.ImportItemsRequest_CSV, false).GetCreated())
}
