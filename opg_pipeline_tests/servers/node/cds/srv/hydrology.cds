using city from '../db/schema';

@path: '/odata/v4/hydrology'
@requires: 'any'
@cds.query.limit: { default: 70, max: 70 }
service Hydrology {
  entity Readings as projection on city.Readings;
}
