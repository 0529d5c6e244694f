// Reads an OpenAPI document as Swagger UI does, and calls operations with it: node swagger.mjs URL
import SwaggerClient from 'swagger-client';

const client = await new SwaggerClient({ url: process.argv[2] });
const call = async (operationId, requestBody) => {
  try {
    const { status, body } = await client.execute({ operationId, requestBody });
    return { status, body };
  } catch ({ response: { status, body } }) {
    return { status, body };
  }
};
const { spec, errors } = client;
const report = {
  errors,
  operations: Object.values(spec.paths).map(({ post }) => post.operationId),
  forecast: await call('forecast', { city: 'Lisbon' }),
  compare: await call('compare', { places: [{ city: 'Lisbon', near: null }, { city: 'Oslo' }] }),
  refused: await call('forecast', {}),
  odd: await call('city_by_name', {}),
};
process.stdout.write(JSON.stringify(report));
