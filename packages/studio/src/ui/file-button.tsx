import { useRef } from 'preact/hooks';
import { Button } from './button.tsx';
import { Icon, type IconName } from './icon.tsx';

interface FileButtonProps {
  readonly icon: IconName;
  readonly name: string;
  readonly accept?: string;
  /** Chooses a folder, with all that is in it. */
  readonly isFolder?: boolean;
  onFiles(files: readonly File[]): void;
}

/** A button that lets one choose files. */
export function FileButton({ icon, name, accept, isFolder = false, onFiles }: FileButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button onClick={() => input.current?.click()}>
        <Icon name={icon} />
        {name}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={accept}
        {...(isFolder && { webkitdirectory: true })}
        data-for={name}
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          currentTarget.value = ''; // the same file can be chosen again
        }}
      />
    </>
  );
}
