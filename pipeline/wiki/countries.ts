/**
 * Templates named by the code of a country, which show its flag and its name: {{JPN}}.
 *
 * @module
 */

/** Codes of ISO 3166-1 and, where they differ, of the Olympic committee, with the name they show. */
const CODES = `
AFG アフガニスタン, ALB アルバニア, DZA ALG アルジェリア, AND アンドラ, AGO ANG アンゴラ,
ATG ANT アンティグア・バーブーダ, ARG アルゼンチン, ARM アルメニア, AUS オーストラリア,
AUT オーストリア, AZE アゼルバイジャン, BHS BAH バハマ, BHR BRN バーレーン, BGD BAN バングラデシュ,
BRB BAR バルバドス, BLR ベラルーシ, BEL ベルギー, BLZ BIZ ベリーズ, BEN ベナン, BTN BHU ブータン,
BOL ボリビア, BIH ボスニア・ヘルツェゴビナ, BWA BOT ボツワナ, BRA ブラジル, BRU ブルネイ,
BGR BUL ブルガリア, BFA BUR ブルキナファソ, BDI ブルンジ, KHM CAM カンボジア, CMR カメルーン,
CAN カナダ, CPV カーボベルデ, CAF 中央アフリカ共和国, TCD CHA チャド, CHL CHI チリ,
CHN PRC 中国, COL コロンビア, COM コモロ, COG CGO コンゴ共和国, COD コンゴ民主共和国,
CRI CRC コスタリカ, CIV コートジボワール, HRV CRO クロアチア, CUB キューバ, CYP キプロス,
CZE チェコ, DNK DEN デンマーク, DJI ジブチ, DMA ドミニカ国, DOM ドミニカ共和国, ECU エクアドル,
EGY エジプト, SLV ESA エルサルバドル, GNQ GEQ 赤道ギニア, ERI エリトリア, EST エストニア,
SWZ エスワティニ, ETH エチオピア, FJI FIJ フィジー, FIN フィンランド, FRA フランス, GAB ガボン,
GMB GAM ガンビア, GEO ジョージア, DEU GER ドイツ, GHA ガーナ, GRC GRE ギリシャ, GRD GRN グレナダ,
GTM GUA グアテマラ, GIN GUI ギニア, GNB GBS ギニアビサウ, GUY ガイアナ, HTI HAI ハイチ,
HND HON ホンジュラス, HUN ハンガリー, ISL アイスランド, IND インド, IDN INA インドネシア, IRN IRI イラン,
IRQ イラク, IRL アイルランド, ISR イスラエル, ITA イタリア, JAM ジャマイカ, JPN 日本, JOR ヨルダン,
KAZ カザフスタン, KEN ケニア, KIR キリバス, PRK 北朝鮮, KOR ROK 韓国, KWT KUW クウェート, KGZ キルギス,
LAO ラオス, LVA LAT ラトビア, LBN LIB レバノン, LSO LES レソト, LBR リベリア, LBY LBA リビア,
LIE リヒテンシュタイン, LTU リトアニア, LUX ルクセンブルク, MDG MAD マダガスカル, MWI MAW マラウイ,
MYS MAS マレーシア, MDV モルディブ, MLI マリ共和国, MLT マルタ, MHL マーシャル諸島, MRT MTN モーリタニア,
MUS MRI モーリシャス, MEX メキシコ, FSM ミクロネシア連邦, MDA モルドバ, MCO モナコ, MNG MGL モンゴル国,
MNE モンテネグロ, MAR モロッコ, MOZ モザンビーク, MMR MYA ミャンマー, NAM ナミビア, NRU ナウル,
NPL NEP ネパール, NLD NED オランダ, NZL ニュージーランド, NIC NCA ニカラグア, NER NIG ニジェール,
NGA NGR ナイジェリア, MKD 北マケドニア, NOR ノルウェー, OMN OMA オマーン, PAK パキスタン, PLW パラオ,
PSE PLE パレスチナ, PAN パナマ, PNG パプアニューギニア, PRY PAR パラグアイ, PER ペルー, PHL PHI フィリピン,
POL ポーランド, PRT POR ポルトガル, QAT カタール, ROU ROM ルーマニア, RUS ロシア, RWA ルワンダ,
KNA SKN セントクリストファー・ネイビス, LCA セントルシア, VCT VIN セントビンセント・グレナディーン,
WSM SAM サモア, SMR サンマリノ, STP サントメ・プリンシペ, SAU KSA サウジアラビア, SEN セネガル,
SRB セルビア, SYC SEY セーシェル, SLE シエラレオネ, SGP SIN シンガポール, SVK スロバキア, SVN SLO スロベニア,
SLB SOL ソロモン諸島, SOM ソマリア, ZAF RSA 南アフリカ共和国, SSD 南スーダン, ESP スペイン, LKA SRI スリランカ,
SDN SUD スーダン, SUR スリナム, SWE スウェーデン, CHE SUI スイス, SYR シリア, TWN 台湾, ROC 中華民国,
TJK タジキスタン, TZA TAN タンザニア, THA タイ, TLS 東ティモール, TGO TOG トーゴ, TON TGA トンガ,
TTO TRI トリニダード・トバゴ, TUN チュニジア, TUR トルコ, TKM トルクメニスタン, TUV ツバル, UGA ウガンダ,
UKR ウクライナ, ARE UAE アラブ首長国連邦, GBR UK イギリス, USA アメリカ合衆国, URY URU ウルグアイ,
UZB ウズベキスタン, VUT VAN バヌアツ, VAT バチカン, VEN ベネズエラ, VNM VIE ベトナム, YEM イエメン,
ZMB ZAM ザンビア, ZWE ZIM ジンバブエ, HKG 香港, MAC マカオ, PRI PUR プエルトリコ, GRL グリーンランド,
COK クック諸島, NIU ニウエ, KOS コソボ, ENG イングランド, SCO スコットランド, WAL ウェールズ,
NIR 北アイルランド, EUR 欧州連合, EU 欧州連合, UN 国際連合, SUN URS ソビエト連邦, YUG ユーゴスラビア,
TCH チェコスロバキア, GDR DDR 東ドイツ, FRG 西ドイツ, MON モンテネグロ, QSO ソマリランド`;

/** Names by code. */
export const COUNTRIES: ReadonlyMap<string, string> = new Map(
  CODES.split(",").flatMap((entry) => {
    const words = entry.trim().split(/\s+/);
    const name = words[words.length - 1];
    return words.slice(0, -1).map((code) => [code, name] as const);
  }),
);
