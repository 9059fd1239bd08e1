*** Comments ***
The firmware in Renode, spoken to in the ASCII dialect of docs/protocol.md. tests/renode/test_robot.py runs this with

    renode-test firmware.robot --variable ELF:… --variable REPL:… --variable UART:usart1 --variable VECTORS:…

VECTORS is a JSON file: {"model": its id, "digits": [{"class": 3, "commands": ["db load 64", "db 00…", …]}, …]}.
Whatever is waited for, an error line of the firmware (e-[…]) ends the test at once.


*** Variables ***
${ELF}          ${EMPTY}
${REPL}         ${EMPTY}
${UART}         usart1
${VECTORS}      ${EMPTY}
${ERROR}        ^\\s*e-\\[


*** Keywords ***
Boot
    Execute Command             mach create
    Execute Command             machine LoadPlatformDescription @${REPL}
    Execute Command             sysbus LoadELF @${ELF}
    Create Terminal Tester      sysbus.${UART}
    Start Emulation
    Expect                      m-init-done
    Expect                      m-ready

Expect
    [Documentation]             The next line that matches, with its groups; fails on an error line before it.
    [Arguments]                 ${pattern}
    ${reply}=                   Wait For Line On Uart    ${pattern}|${ERROR}    treatAsRegex=true
    Should Not Match Regexp     ${reply.line}    ${ERROR}
    RETURN                      ${reply}

Send
    [Documentation]             A command that must not be refused, to the end of its reply.
    [Arguments]                 ${command}
    Write To Uart               ${command}%
    Expect                      m-ready

Refusal Of
    [Documentation]             The error line that a command gets; fails when it is carried out instead.
    [Arguments]                 ${command}
    Write To Uart               ${command}%
    ${reply}=                   Wait For Line On Uart    ${ERROR}|m-ready    treatAsRegex=true
    Should Match Regexp         ${reply.line}    ${ERROR}
    Wait For Line On Uart       m-ready
    RETURN                      ${reply.line}

Load Vectors
    ${vectors}=                 Evaluate    json.load(open($VECTORS))    modules=json
    RETURN                      ${vectors}


*** Test Cases ***
The Handshake Names Firmware And Model
    ${vectors}=                 Load Vectors
    Boot
    Write To Uart               name%
    Expect                      m-name-dut-\\[kerf\\]
    Expect                      m-ready
    Write To Uart               profile%
    Expect                      m-profile-\\[ULPMark for tinyML Firmware V0\\.0\\.1\\]
    ${model}=                   Expect    m-model-\\[(.*)\\]
    Should Be Equal             ${model.groups[0]}    ${vectors}[model]
    Expect                      m-ready

Ten Digits Are Right And Timed
    ${vectors}=                 Load Vectors
    Length Should Be            ${vectors}[digits]    10
    Boot
    FOR    ${digit}    IN    @{vectors}[digits]
        FOR    ${command}    IN    @{digit}[commands]
            Send                    ${command}
        END
        Write To Uart           infer 1 0%
        Expect                  m-infer-start-1
        ${begin}=               Expect    m-lap-us-(\\d+)
        ${end}=                 Expect    m-lap-us-(\\d+)
        Expect                  m-infer-done
        ${results}=             Expect    m-results-\\[(.*)\\]
        Expect                  m-ready
        ${microseconds}=        Evaluate    int($end.groups[0]) - int($begin.groups[0])
        Should Be True          ${microseconds} > 0
        ${scores}=              Evaluate    [float(score) for score in $results.groups[0].split(",")]
        ${class}=               Evaluate    $scores.index(max($scores))
        Should Be Equal As Integers    ${class}    ${digit}[class]
    END

A Bad Command Gets An Error Record And The Next One Is Served
    Boot
    ${error}=                   Refusal Of    nonsense
    Should Contain              ${error}    Unknown command: nonsense
    ${error}=                   Refusal Of    infer 1 0
    Should Contain              ${error}    the buffer holds 0
    Send                        db load 2
    ${error}=                   Refusal Of    db 0g
    Should Contain              ${error}    Invalid hex digit '0g'
    Send                        name

A Spoiled Binary Frame Costs Nothing
    Boot
    # A delimiter, what would be a frame but for its check sum, and half a frame.
    FOR    ${byte}    IN    0x00    0x03    0x01    0x02    0x05    0x01    0x02    0x03    0x04    0x00    0x02
        Send Key To Uart        ${byte}
    END
    Send Key To Uart            0x00
    Send                        name
