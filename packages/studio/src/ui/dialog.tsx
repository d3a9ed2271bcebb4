import { type ComponentChildren, createRef } from 'preact';
import { useEffect, useId, useMemo } from 'preact/hooks';
import { Button } from './button.tsx';

interface DialogProps {
  readonly title: string;
  readonly isOpen: boolean;
  /** Called by Escape, a click beside it and its Close button. */
  onClose(): void;
  readonly children: ComponentChildren;
}

/** A modal dialog; what is in it is made when it opens. */
export function Dialog({ title, isOpen, onClose, children }: DialogProps) {
  const element = useMemo(() => createRef<HTMLDialogElement>(), []);
  const heading = useId();
  useEffect(() => {
    if (isOpen && !element.current?.open) element.current?.showModal();
    if (!isOpen) element.current?.close();
  }, [isOpen, element]);
  return (
    // The keyboard has Escape for a click beside the dialog.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <dialog
      ref={element}
      aria-labelledby={heading}
      onClose={onClose}
      onClick={({ target }) => {
        if (target === element.current) onClose();
      }}
    >
      {isOpen && (
        <div class="dialog">
          <header>
            <h2 id={heading}>{title}</h2>
            <Button kind="quiet" icon="close" label="Close" onClick={onClose} />
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}
