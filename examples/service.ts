/*
 * Shows a service that answers images over HTTP: behind `graft-ml/predict` are ONNX Runtime and an image decoder alone.
 * `graft serve` has what is left out here: batches, limits, several models, metrics.
 *
 *   graft export runs/x --out flowers.onnx
 *   node service.js flowers.onnx 8080
 *   curl --data-binary @rose.jpg http://127.0.0.1:8080/
 */
import { createServer } from 'node:http';
import { ImageError, loadPredictor } from 'graft-ml/predict';

const [model = 'model.onnx', port = '8080'] = process.argv.slice(2);
const mostBytes = 20e6;
const predictor = await loadPredictor(model);

const server = createServer(async (request, response) => {
  const answer = (status: number, body: object) =>
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request) {
      bytes += chunk.length;
      if (bytes > mostBytes) return answer(413, { error: `An image has at most ${mostBytes} bytes here.` });
      chunks.push(chunk);
    }
    return answer(200, await predictor.predict(Buffer.concat(chunks), 3));
  } catch (error) {
    if (error instanceof ImageError) return answer(400, { error: error.problem.message });
    console.error(error);
    return answer(500, { error: 'Something went wrong.' });
  }
});

server.listen(Number(port), '127.0.0.1', () => console.log('listening', server.address()));
process.once('SIGTERM', () => server.close(() => predictor.close()));
