-- Statistics that no plan asks for, of tables that grow or turn over fast.

-- +goose Up
ALTER TABLE person ALTER COLUMN state SET STATISTICS 0;
ALTER TABLE trace SET (autovacuum_analyze_scale_factor = 0.5);
ALTER TABLE open_visit SET (autovacuum_analyze_scale_factor = 0.5);

-- +goose Down
ALTER TABLE person ALTER COLUMN state SET STATISTICS -1;
ALTER TABLE trace RESET (autovacuum_analyze_scale_factor);
ALTER TABLE open_visit RESET (autovacuum_analyze_scale_factor);
