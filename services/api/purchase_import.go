package api

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
)

// purchaseColumns are what the columns of a file of sales are called.
var purchaseColumns = map[string]string{
	colPerson: colPerson, "person_external_id": colPerson, "회원번호": colPerson, "고객번호": colPerson,
	colPurchase: colPurchase, "id": colPurchase, "주문번호": colPurchase, "영수증번호": colPurchase,
	colTime: colTime, "구매일시": colTime, colAmount: colAmount, "금액": colAmount, colCurrency: colCurrency, "통화": colCurrency,
	colStore: colStore, "store": colStore, "매장코드": colStore,
}

// ImportPurchases counts sales by a file.
func (s *personService) ImportPurchases(ctx context.Context, r *v1.ImportPurchasesRequest) (*v1.ImportPurchasesResponse, error) {
	in, table, err := s.newImport(ctx, r, r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	in.columns, err = columnsOf(table.Columns, purchaseColumns, func(string) string { return "" })
	if err == nil {
		err = needColumns(in.columns, colPerson, colPurchase, colTime, colAmount, colCurrency)
	}
	if err != nil {
		return nil, err
	}
	in.read = in.purchaseReader()
	if err := in.run(table); err != nil {
		return nil, err
	}
	return &v1.ImportPurchasesResponse{Report: in.report}, nil
}

// purchaseReader reads rows about sales.
func (in *peopleImport) purchaseReader() func([]string) (engine.ProfileChange, fault) {
	zone := in.brand.Settings.Zone()
	return func(cells []string) (c engine.ProfileChange, bad fault) {
		sale := &audience.Purchase{}
		for i, cell := range cells {
			var reason v1.ErrorReason_Code
			var why string
			switch in.columns[i] {
			case colPurchase:
				sale.ID = cell
			case colTime:
				sale.At, why = saleTime(cell, zone)
			case colAmount:
				sale.Amount, why = saleAmount(cell)
			case colCurrency:
				sale.Currency = strings.ToUpper(cell)
			case colStore:
				reason, why = in.saleStore(sale, cell)
			}
			if why != "" {
				return c, fault{Field: in.columns[i], Reason: max(reason, v1.ErrorReason_INVALID_FIELD), Text: why}
			}
		}
		if fs := faultsOf(sale.Check(in.engine.Now()), fieldNames{}); fs != nil {
			return c, fs[0]
		}
		c.Purchase = sale
		return c, bad
	}
}

// saleStore finds the store of a sale; a row may leave it out.
func (in *peopleImport) saleStore(sale *audience.Purchase, cell string) (v1.ErrorReason_Code, string) {
	if cell == "" {
		return 0, ""
	}
	at, err := in.engine.StoreByExternalID(in.caller.Brand, cell)
	if err != nil {
		return v1.ErrorReason_STORE_NOT_FOUND, "there is no such store"
	}
	sale.StoreID = at.ID
	return 0, ""
}

// saleTimes are how a till may write a time beside RFC 3339; they are read in the brand's zone.
var saleTimes = []string{time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006/01/02 15:04:05", "2006/01/02 15:04", time.DateOnly}

func saleTime(text string, zone *time.Location) (time.Time, string) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), ""
	}
	for _, layout := range saleTimes {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at.UTC(), ""
		}
	}
	return time.Time{}, "must be a time such as 2026-01-31T18:05:00+09:00 or 2026-01-31 18:05"
}

// saleAmount reads a number, with or without commas between its thousands.
func saleAmount(text string) (float64, string) {
	plain := text
	if thousands.MatchString(text) {
		plain = strings.ReplaceAll(text, ",", "")
	}
	amount, err := strconv.ParseFloat(plain, 64)
	if err != nil || !decimals.MatchString(plain) {
		return 0, "must be a number such as 4500 or 12.50"
	}
	return amount, ""
}

var (
	decimals  = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	thousands = regexp.MustCompile(`^-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$`)
)
