-- What is promised of projects and declared stock is held against their tonnes, as a mine's is against its scale (O01).
CREATE INDEX contract_by_project ON contract (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX contract_by_stock ON contract (stock_id) WHERE stock_id IS NOT NULL;
CREATE INDEX slip_by_project ON slip (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX slip_by_stock ON slip (stock_id) WHERE stock_id IS NOT NULL;
