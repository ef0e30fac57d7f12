package api

import (
	"bytes"
	"encoding/base64"
	"hash/fnv"
	"strconv"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// The sizes of pages.
const (
	defaultPage = 50
	smallPages  = 500
	largePages  = 1000
)

func pageSize(asked int32, most int) int {
	if asked <= 0 {
		return defaultPage
	}
	return min(int(asked), most)
}

// pageToken says where the next page of a query begins. It is bound to the query, so that it cannot be used with
// another one; it is no secret and gives no right.
func pageToken(query, cursor string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(queryHash(query) + cursor))
}

// readPageToken gives back the cursor; empty for the first page.
func readPageToken(query, token string) (cursor string, err error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	hash := queryHash(query)
	if err != nil || len(raw) <= len(hash) || string(raw[:len(hash)]) != hash {
		return "", errPageToken()
	}
	return string(raw[len(hash):]), nil
}

func errPageToken() error {
	return refuse(codes.InvalidArgument, v1.ErrorReason_PAGE_TOKEN_INVALID, "page_token: of another query, or not one of ours", "field", "page_token")
}

func queryHash(query string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(query))
	return string(h.Sum(nil))
}

// readOffset reads a cursor that counts.
func readOffset(query, token string) (int, error) {
	cursor, err := readPageToken(query, token)
	if err != nil || cursor == "" {
		return 0, err
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 0 {
		return 0, errPageToken()
	}
	return n, nil
}

// page cuts one page out of a list sorted by id and returns the token of the next one.
func page[T any](list []T, id func(T) [16]byte, keep func(T) bool, query, token string, size int) (items []T, next string, err error) {
	cursor, err := readPageToken(query, token)
	if err != nil {
		return nil, "", err
	}
	if cursor != "" && len(cursor) != 16 {
		return nil, "", errPageToken()
	}
	for _, item := range list {
		at := id(item)
		if bytes.Compare(at[:], []byte(cursor)) <= 0 && cursor != "" || keep != nil && !keep(item) {
			continue
		}
		if len(items) == size {
			last := id(items[size-1])
			return items, pageToken(query, string(last[:])), nil
		}
		items = append(items, item)
	}
	return items, "", nil
}
