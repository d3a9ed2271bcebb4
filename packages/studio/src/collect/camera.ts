import { UserError } from '@graft-ml/core/internal/base/errors';

/** Opens a camera, the front one of a phone or the one chosen. @throws UserError (by rejection) that says what to do */
export async function openCamera(deviceId: string | null): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new UserError('Browsers give a camera only to pages that come by https or from this machine.');
  }
  const which = deviceId === null ? { facingMode: 'user' } : { deviceId: { exact: deviceId } };
  try {
    const size = { width: { ideal: 640 }, height: { ideal: 480 } };
    return await navigator.mediaDevices.getUserMedia({ video: { ...which, ...size }, audio: false });
  } catch (error) {
    throw new UserError(reasonOf(error), { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError') {
    return 'The browser does not let this page use the camera. Allow it beside the address, then try again.';
  }
  if (name === 'NotFoundError' || name === 'OverconstrainedError') {
    return 'No camera was found. Connect one, then try again.';
  }
  if (name === 'NotReadableError') return 'The camera is in use by another program. Close that, then try again.';
  return `The camera cannot be used: ${error instanceof Error ? error.message : String(error)}`;
}

/** The cameras that there are. They have names once one was allowed. */
export async function listCameras(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === 'videoinput');
}

/** The side of a recorded frame, in pixels: above what models look at, below what fills the disk. */
const frameSide = 320;

/** The square in the middle of what a video shows. */
export function grabFrame(video: HTMLVideoElement): OffscreenCanvas {
  const { videoWidth, videoHeight } = video;
  const from = Math.min(videoWidth, videoHeight);
  const side = Math.min(frameSide, from);
  const canvas = new OffscreenCanvas(side, side);
  const [x, y] = [(videoWidth - from) / 2, (videoHeight - from) / 2];
  canvas.getContext('2d')!.drawImage(video, x, y, from, from, 0, 0, side, side);
  return canvas;
}
