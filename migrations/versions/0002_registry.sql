-- Who there is: places, enterprises, mines, stations, lines, projects, declared stocks; the people; what they did.

CREATE TABLE jurisdiction (
    code text CONSTRAINT a_jurisdiction_has_one_code PRIMARY KEY,
    name text NOT NULL,
    name_en text NOT NULL,
    level text NOT NULL,
    parent text REFERENCES jurisdiction,
    CONSTRAINT a_code_has_six_digits CHECK (code ~ '^[0-9]{6}$'),
    CONSTRAINT a_jurisdiction_has_a_level CHECK (level IN ('province', 'city', 'county')),
    CONSTRAINT only_the_province_has_no_parent CHECK ((parent IS NULL) = (level = 'province'))
);

-- Liaoning by GB/T 2260, as of 2023.
INSERT INTO jurisdiction (code, name, name_en, level, parent) VALUES
    ('210000', '辽宁省', 'Liaoning', 'province', NULL),
    ('210100', '沈阳市', 'Shenyang', 'city', '210000'),
    ('210102', '和平区', 'Heping District', 'county', '210100'),
    ('210103', '沈河区', 'Shenhe District', 'county', '210100'),
    ('210104', '大东区', 'Dadong District', 'county', '210100'),
    ('210105', '皇姑区', 'Huanggu District', 'county', '210100'),
    ('210106', '铁西区', 'Tiexi District', 'county', '210100'),
    ('210111', '苏家屯区', 'Sujiatun District', 'county', '210100'),
    ('210112', '浑南区', 'Hunnan District', 'county', '210100'),
    ('210113', '沈北新区', 'Shenbei New District', 'county', '210100'),
    ('210114', '于洪区', 'Yuhong District', 'county', '210100'),
    ('210115', '辽中区', 'Liaozhong District', 'county', '210100'),
    ('210123', '康平县', 'Kangping County', 'county', '210100'),
    ('210124', '法库县', 'Faku County', 'county', '210100'),
    ('210181', '新民市', 'Xinmin', 'county', '210100'),
    ('210200', '大连市', 'Dalian', 'city', '210000'),
    ('210202', '中山区', 'Zhongshan District', 'county', '210200'),
    ('210203', '西岗区', 'Xigang District', 'county', '210200'),
    ('210204', '沙河口区', 'Shahekou District', 'county', '210200'),
    ('210211', '甘井子区', 'Ganjingzi District', 'county', '210200'),
    ('210212', '旅顺口区', 'Lüshunkou District', 'county', '210200'),
    ('210213', '金州区', 'Jinzhou District', 'county', '210200'),
    ('210214', '普兰店区', 'Pulandian District', 'county', '210200'),
    ('210224', '长海县', 'Changhai County', 'county', '210200'),
    ('210281', '瓦房店市', 'Wafangdian', 'county', '210200'),
    ('210283', '庄河市', 'Zhuanghe', 'county', '210200'),
    ('210300', '鞍山市', 'Anshan', 'city', '210000'),
    ('210302', '铁东区', 'Tiedong District', 'county', '210300'),
    ('210303', '铁西区', 'Tiexi District', 'county', '210300'),
    ('210304', '立山区', 'Lishan District', 'county', '210300'),
    ('210311', '千山区', 'Qianshan District', 'county', '210300'),
    ('210321', '台安县', 'Tai''an County', 'county', '210300'),
    ('210323', '岫岩满族自治县', 'Xiuyan Manchu Autonomous County', 'county', '210300'),
    ('210381', '海城市', 'Haicheng', 'county', '210300'),
    ('210400', '抚顺市', 'Fushun', 'city', '210000'),
    ('210402', '新抚区', 'Xinfu District', 'county', '210400'),
    ('210403', '东洲区', 'Dongzhou District', 'county', '210400'),
    ('210404', '望花区', 'Wanghua District', 'county', '210400'),
    ('210411', '顺城区', 'Shuncheng District', 'county', '210400'),
    ('210421', '抚顺县', 'Fushun County', 'county', '210400'),
    ('210422', '新宾满族自治县', 'Xinbin Manchu Autonomous County', 'county', '210400'),
    ('210423', '清原满族自治县', 'Qingyuan Manchu Autonomous County', 'county', '210400'),
    ('210500', '本溪市', 'Benxi', 'city', '210000'),
    ('210502', '平山区', 'Pingshan District', 'county', '210500'),
    ('210503', '溪湖区', 'Xihu District', 'county', '210500'),
    ('210504', '明山区', 'Mingshan District', 'county', '210500'),
    ('210505', '南芬区', 'Nanfen District', 'county', '210500'),
    ('210521', '本溪满族自治县', 'Benxi Manchu Autonomous County', 'county', '210500'),
    ('210522', '桓仁满族自治县', 'Huanren Manchu Autonomous County', 'county', '210500'),
    ('210600', '丹东市', 'Dandong', 'city', '210000'),
    ('210602', '元宝区', 'Yuanbao District', 'county', '210600'),
    ('210603', '振兴区', 'Zhenxing District', 'county', '210600'),
    ('210604', '振安区', 'Zhen''an District', 'county', '210600'),
    ('210624', '宽甸满族自治县', 'Kuandian Manchu Autonomous County', 'county', '210600'),
    ('210681', '东港市', 'Donggang', 'county', '210600'),
    ('210682', '凤城市', 'Fengcheng', 'county', '210600'),
    ('210700', '锦州市', 'Jinzhou', 'city', '210000'),
    ('210702', '古塔区', 'Guta District', 'county', '210700'),
    ('210703', '凌河区', 'Linghe District', 'county', '210700'),
    ('210711', '太和区', 'Taihe District', 'county', '210700'),
    ('210726', '黑山县', 'Heishan County', 'county', '210700'),
    ('210727', '义县', 'Yi County', 'county', '210700'),
    ('210781', '凌海市', 'Linghai', 'county', '210700'),
    ('210782', '北镇市', 'Beizhen', 'county', '210700'),
    ('210800', '营口市', 'Yingkou', 'city', '210000'),
    ('210802', '站前区', 'Zhanqian District', 'county', '210800'),
    ('210803', '西市区', 'Xishi District', 'county', '210800'),
    ('210804', '鲅鱼圈区', 'Bayuquan District', 'county', '210800'),
    ('210811', '老边区', 'Laobian District', 'county', '210800'),
    ('210881', '盖州市', 'Gaizhou', 'county', '210800'),
    ('210882', '大石桥市', 'Dashiqiao', 'county', '210800'),
    ('210900', '阜新市', 'Fuxin', 'city', '210000'),
    ('210902', '海州区', 'Haizhou District', 'county', '210900'),
    ('210903', '新邱区', 'Xinqiu District', 'county', '210900'),
    ('210904', '太平区', 'Taiping District', 'county', '210900'),
    ('210905', '清河门区', 'Qinghemen District', 'county', '210900'),
    ('210911', '细河区', 'Xihe District', 'county', '210900'),
    ('210921', '阜新蒙古族自治县', 'Fuxin Mongol Autonomous County', 'county', '210900'),
    ('210922', '彰武县', 'Zhangwu County', 'county', '210900'),
    ('211000', '辽阳市', 'Liaoyang', 'city', '210000'),
    ('211002', '白塔区', 'Baita District', 'county', '211000'),
    ('211003', '文圣区', 'Wensheng District', 'county', '211000'),
    ('211004', '宏伟区', 'Hongwei District', 'county', '211000'),
    ('211005', '弓长岭区', 'Gongchangling District', 'county', '211000'),
    ('211011', '太子河区', 'Taizihe District', 'county', '211000'),
    ('211021', '辽阳县', 'Liaoyang County', 'county', '211000'),
    ('211081', '灯塔市', 'Dengta', 'county', '211000'),
    ('211100', '盘锦市', 'Panjin', 'city', '210000'),
    ('211102', '双台子区', 'Shuangtaizi District', 'county', '211100'),
    ('211103', '兴隆台区', 'Xinglongtai District', 'county', '211100'),
    ('211104', '大洼区', 'Dawa District', 'county', '211100'),
    ('211122', '盘山县', 'Panshan County', 'county', '211100'),
    ('211200', '铁岭市', 'Tieling', 'city', '210000'),
    ('211202', '银州区', 'Yinzhou District', 'county', '211200'),
    ('211204', '清河区', 'Qinghe District', 'county', '211200'),
    ('211221', '铁岭县', 'Tieling County', 'county', '211200'),
    ('211223', '西丰县', 'Xifeng County', 'county', '211200'),
    ('211224', '昌图县', 'Changtu County', 'county', '211200'),
    ('211281', '调兵山市', 'Diaobingshan', 'county', '211200'),
    ('211282', '开原市', 'Kaiyuan', 'county', '211200'),
    ('211300', '朝阳市', 'Chaoyang', 'city', '210000'),
    ('211302', '双塔区', 'Shuangta District', 'county', '211300'),
    ('211303', '龙城区', 'Longcheng District', 'county', '211300'),
    ('211321', '朝阳县', 'Chaoyang County', 'county', '211300'),
    ('211322', '建平县', 'Jianping County', 'county', '211300'),
    ('211324', '喀喇沁左翼蒙古族自治县', 'Harqin Left Wing Mongol Autonomous County', 'county', '211300'),
    ('211381', '北票市', 'Beipiao', 'county', '211300'),
    ('211382', '凌源市', 'Lingyuan', 'county', '211300'),
    ('211400', '葫芦岛市', 'Huludao', 'city', '210000'),
    ('211402', '连山区', 'Lianshan District', 'county', '211400'),
    ('211403', '龙港区', 'Longgang District', 'county', '211400'),
    ('211404', '南票区', 'Nanpiao District', 'county', '211400'),
    ('211421', '绥中县', 'Suizhong County', 'county', '211400'),
    ('211422', '建昌县', 'Jianchang County', 'county', '211400'),
    ('211481', '兴城市', 'Xingcheng', 'county', '211400');

CREATE TABLE enterprise (
    id uuid CONSTRAINT an_enterprise_has_one_id PRIMARY KEY,
    credit_code text NOT NULL CONSTRAINT a_credit_code_is_registered_once UNIQUE,
    name text NOT NULL,
    kinds text[] NOT NULL,
    jurisdiction text NOT NULL CONSTRAINT an_enterprise_lies_in_a_jurisdiction REFERENCES jurisdiction,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT an_enterprise_has_kinds CHECK (
        cardinality(kinds) > 0 AND kinds <@ ARRAY['mine', 'dresser', 'processor', 'trader']
    )
);
CREATE INDEX enterprise_by_jurisdiction ON enterprise (jurisdiction);

CREATE TABLE mine (
    id uuid CONSTRAINT a_mine_has_one_id PRIMARY KEY,
    enterprise_id uuid NOT NULL CONSTRAINT a_mine_belongs_to_an_enterprise REFERENCES enterprise,
    name text NOT NULL,
    jurisdiction text NOT NULL CONSTRAINT a_mine_lies_in_a_jurisdiction REFERENCES jurisdiction,
    method text NOT NULL,
    licence_number text NOT NULL CONSTRAINT a_licence_is_registered_once UNIQUE,
    licence_scale_kg bigint NOT NULL,
    licence_valid_from date NOT NULL,
    licence_valid_until date NOT NULL,
    consolidated boolean NOT NULL,
    environment_ok boolean NOT NULL,
    safety_ok boolean NOT NULL,
    operating text NOT NULL DEFAULT 'lawful',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_mine_has_a_method CHECK (method IN ('open', 'underground')),
    CONSTRAINT a_licence_has_a_scale CHECK (licence_scale_kg > 0),
    CONSTRAINT a_licence_lasts CHECK (licence_valid_until >= licence_valid_from),
    CONSTRAINT a_mine_operates_or_is_suspended CHECK (operating IN ('lawful', 'suspended'))
);
CREATE INDEX mine_by_enterprise ON mine (enterprise_id);
CREATE INDEX mine_by_jurisdiction ON mine (jurisdiction);

CREATE TABLE station (
    id uuid CONSTRAINT a_station_has_one_id PRIMARY KEY,
    name text NOT NULL,
    jurisdiction text NOT NULL CONSTRAINT a_station_lies_in_a_jurisdiction REFERENCES jurisdiction,
    mine_id uuid REFERENCES mine,
    enterprise_id uuid REFERENCES enterprise,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_station_serves_one_place CHECK (num_nonnulls(mine_id, enterprise_id) = 1)
);
CREATE INDEX station_by_jurisdiction ON station (jurisdiction);

CREATE TABLE line (
    id uuid CONSTRAINT a_line_has_one_id PRIMARY KEY,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    name text NOT NULL,
    kind text NOT NULL,
    kiln text,
    status text NOT NULL,
    ore_per_product numeric(8, 4) NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_line_has_a_kind CHECK (kind IN ('flotation', 'light_burnt', 'dead_burnt', 'fused')),
    CONSTRAINT a_line_has_a_kiln CHECK (kiln IN ('reverberatory', 'shaft', 'rotary', 'electric', 'other')),
    CONSTRAINT a_line_has_a_status CHECK (status IN ('running', 'stopped', 'retired')),
    CONSTRAINT a_product_is_not_more_than_its_ore CHECK (ore_per_product >= 1)
);
CREATE INDEX line_by_enterprise ON line (enterprise_id);

CREATE TABLE project (
    id uuid CONSTRAINT a_project_has_one_id PRIMARY KEY,
    name text NOT NULL,
    jurisdiction text NOT NULL CONSTRAINT a_project_lies_in_a_jurisdiction REFERENCES jurisdiction,
    operator_id uuid NOT NULL REFERENCES enterprise,
    approved_kg bigint NOT NULL CONSTRAINT a_project_has_tonnes CHECK (approved_kg > 0),
    valid_from date NOT NULL,
    valid_until date NOT NULL,
    document_no text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    CONSTRAINT a_project_lasts CHECK (valid_until >= valid_from)
);

CREATE TABLE stock (
    id uuid CONSTRAINT a_stock_has_one_id PRIMARY KEY,
    enterprise_id uuid NOT NULL REFERENCES enterprise,
    grade text NOT NULL,
    kg bigint NOT NULL CONSTRAINT a_stock_has_tonnes CHECK (kg > 0),
    surveyed_on date NOT NULL,
    document_no text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL
);

-- What a registry entry says from each version on, who wrote it and when.
CREATE TABLE revision (
    slice text NOT NULL,
    entry_id uuid NOT NULL,
    version integer NOT NULL,
    entry jsonb NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_version_is_kept_once PRIMARY KEY (slice, entry_id, version)
);

CREATE TABLE person (
    id uuid CONSTRAINT a_person_has_one_id PRIMARY KEY,
    username text NOT NULL CONSTRAINT a_username_is_given_once UNIQUE,
    password_hash text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    jurisdiction text REFERENCES jurisdiction,
    enterprise_id uuid REFERENCES enterprise,
    station_id uuid REFERENCES station,
    disabled boolean NOT NULL DEFAULT FALSE,
    generation integer NOT NULL DEFAULT 1,  -- goes up when all that the person was signed in with ends at once
    created_at timestamptz NOT NULL,
    CONSTRAINT a_role_says_where CHECK (
        CASE role
            WHEN 'enterprise' THEN num_nonnulls(enterprise_id) = 1 AND num_nonnulls(jurisdiction, station_id) = 0
            WHEN 'station' THEN num_nonnulls(station_id) = 1 AND num_nonnulls(jurisdiction, enterprise_id) = 0
            ELSE role IN ('province', 'city', 'county', 'auditor')
            AND num_nonnulls(jurisdiction) = 1 AND num_nonnulls(enterprise_id, station_id) = 0
        END
    )
);

-- One row for each refresh token ever given; a used one that comes back ends its whole family.
CREATE TABLE refresh_token (
    token_hash bytea CONSTRAINT a_token_is_given_once PRIMARY KEY,
    family uuid NOT NULL,
    person_id uuid NOT NULL REFERENCES person,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_token_by_family ON refresh_token (family);
CREATE INDEX refresh_token_by_person ON refresh_token (person_id, expires_at);

-- Access tokens that end before they expire: those of one family, or all of a person's below a generation.
CREATE TABLE revocation (
    id uuid CONSTRAINT a_revocation_has_one_id PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES person,
    family uuid,
    generation integer,
    revoked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT a_revocation_is_of_a_family_or_a_generation CHECK (num_nonnulls(family, generation) = 1)
);
CREATE INDEX revocation_by_time ON revocation (expires_at);

-- Who did what: one note for each deed, in the deed's own transaction.
CREATE TABLE audit (
    id uuid CONSTRAINT a_note_has_one_id PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    person_id uuid,
    deed text NOT NULL,         -- <slice>.<verb>
    subject_id uuid,
    note jsonb NOT NULL DEFAULT '{}',
    request_id text
);
CREATE INDEX audit_by_subject ON audit (subject_id, recorded_at);
CREATE INDEX audit_by_time ON audit (recorded_at);

CREATE TABLE idempotency (
    scope text NOT NULL,        -- enterprise, office or station
    door text NOT NULL,         -- method and path
    key text NOT NULL,
    body_hash bytea NOT NULL,
    status integer NOT NULL,
    answer text NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT a_key_is_answered_once PRIMARY KEY (scope, door, key)
);
CREATE INDEX idempotency_by_time ON idempotency (recorded_at);

GRANT SELECT ON jurisdiction TO meisu_service;
GRANT SELECT, INSERT, UPDATE ON enterprise, mine, station, line, project, stock, person TO meisu_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_token TO meisu_service;
GRANT SELECT, INSERT ON revision, audit TO meisu_service;
GRANT SELECT, INSERT, DELETE ON revocation, idempotency TO meisu_service;
